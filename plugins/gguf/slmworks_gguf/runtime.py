"""A GGUF file as it is measured and served: answers, what they take, how likely it finds the truth."""

from slmworks_gguf.draft_proof import GgufDrafting
from slmworks_gguf.scoring import GgufScoring
from slmworks_gguf.timing import GgufTiming
from slmworks_gguf.writing import GgufWriting


class GgufRuntime(GgufScoring, GgufTiming, GgufWriting, GgufDrafting):
    """The runtime `text-generation.gguf`; a release carries the part that answers."""
