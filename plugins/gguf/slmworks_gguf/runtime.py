"""A GGUF file as it is measured: its answers, and how likely it finds the truth."""

from slmworks_gguf.generator import GgufGenerator
from slmworks_gguf.scoring import GgufScoring


class GgufRuntime(GgufScoring, GgufGenerator):
    """The runtime `text-generation.gguf`; a release carries the part that answers."""
