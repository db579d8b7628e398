"""Texts that are longer than a model reads: how many, and how much of them is cut off."""

from dataclasses import dataclass

from slmworks.numbers import figures

MANY = 0.05
"""Share of cut texts from which on people are warned."""


@dataclass(frozen=True)
class Truncation:
    """Texts and tokens (special ones aside) of which a model reads only the beginning."""

    texts: int = 0
    cut_texts: int = 0
    tokens: int = 0
    cut_tokens: int = 0

    @property
    def shares(self) -> dict[str, float]:
        """`share_of_texts_cut` and `share_of_tokens_cut`, 0 to 1; nothing where no text is cut."""
        if not self.cut_texts:
            return {}
        return {
            "share_of_texts_cut": round(self.cut_texts / self.texts, 4),
            "share_of_tokens_cut": round(self.cut_tokens / self.tokens, 4),
        }

    def warning(self, which: str) -> str:
        """A line for people about `which` texts; empty where few or none are cut."""
        if not self.cut_texts or self.cut_texts <= MANY * self.texts:
            return ""
        texts, tokens = map(figures.percent, self.shares.values())
        return (
            f"warning: {texts} of the {which} texts are longer than the model reads, and {tokens} of all "
            "tokens are cut off; raise max_length where it is trained."
        )


NONE = Truncation()
"""Nothing was cut, or nothing is known."""
