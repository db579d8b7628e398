"""A rule, and the text that it is about with its words and lines taken apart once."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Rule:
    """One rule: the number that it computes must be within its limits."""

    name: str
    """As options name it, and as it is counted: `gopher words`."""
    number: Callable[["Document"], float]
    least: float = -math.inf
    most: float = math.inf
    unit: str = ""
    """What the number counts: `words`; empty: a share or a mean."""

    def broken(self, document: "Document", least: float, most: float) -> str:
        """The number and the limit that it breaks, in words; empty: neither."""
        found = self.number(document)
        if least <= found <= most:
            return ""
        limit = f"at least {least:g}" if found < least else f"at most {most:g}"
        return f"{found:.3g}{f' {self.unit}' if self.unit else ''}, {limit}"


class Document:
    """A text with its words (between blanks), lines and paragraphs."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> Sequence[str]:
        """What stands between blanks."""
        return self.text.split()

    @cached_property
    def lines(self) -> Sequence[str]:
        """Lines that aren't empty, without blanks at their ends."""
        return [line for line in map(str.strip, self.text.splitlines()) if line]

    @cached_property
    def paragraphs(self) -> Sequence[str]:
        """What stands between empty lines."""
        return [part for part in map(str.strip, PARAGRAPH.split(self.text)) if part]

    def share_of_lines(self, test: Callable[[str], bool]) -> float:
        """Share of the lines for which a test holds; 0 where there is none."""
        return sum(map(test, self.lines)) / len(self.lines) if self.lines else 0.0

    def share_of_words(self, test: Callable[[str], bool]) -> float:
        """The same of words."""
        return sum(map(test, self.words)) / len(self.words) if self.words else 0.0


def repeated(parts: Sequence[str]) -> float:
    """Share of parts that an earlier one equals."""
    return 1 - len(set(parts)) / len(parts) if parts else 0.0


def repeated_characters(parts: Sequence[str], characters: int) -> float:
    """Characters of parts that an earlier one equals, as a share of `characters`."""
    return sum(len(part) * (count - 1) for part, count in Counter(parts).items()) / max(1, characters)
