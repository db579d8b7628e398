"""A GGUF file as it is measured and served: its answers, and how likely it finds the truth."""

from slmworks_gguf.scoring import GgufScoring
from slmworks_gguf.streaming import GgufStreaming


class GgufRuntime(GgufScoring, GgufStreaming):
    """The runtime `text-generation.gguf`; a release carries the part that answers."""
