"""A GGUF file as it is measured and served: answers, what they take, how likely it finds the truth."""

from slmworks_gguf.scoring import GgufScoring
from slmworks_gguf.streaming import GgufStreaming
from slmworks_gguf.timing import GgufTiming


class GgufRuntime(GgufScoring, GgufTiming, GgufStreaming):
    """The runtime `text-generation.gguf`; a release carries the part that answers."""
