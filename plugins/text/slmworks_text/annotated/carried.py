"""Marks carried over to a text that was changed, by the words that the old and the new one have in common.

For changes of which only the result is known. Words are aligned after Ratcliff and Obershelp (difflib's
matching blocks), compared without case and by Unicode's compatibility forms.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from slmworks.model_tasks.word_windows import Span, words_of
from slmworks_text.annotated.marks import BadRow, Mark

LOST = "a marked part is gone"
LONG = 2_000
"""Words from which frequent ones start no block: all against all would take minutes."""


def carried(old: str, marks: Sequence[Mark], new: str) -> tuple[Mark, ...]:
    """The marks of `old` where they are in `new`; BadRow where one of them is gone.

    A mark whose words were replaced goes as far as what replaced them, if that is a single word (a tag) or
    replaced nothing else.
    """
    if old == new or not marks:
        return tuple(marks)
    alignment = _Alignment.of(old, new)
    return tuple(Mark(*alignment.moved(mark, new), mark.label) for mark in marks)


@dataclass(frozen=True)
class _Alignment:
    """Words of two texts, and which of them are the same."""

    old: Sequence[Span]
    new: Sequence[Span]
    same: Sequence[int]
    """Of each old word the number of the new one; -1: it is gone."""
    size: int
    """Characters of the new text."""

    @classmethod
    def of(cls, old: str, new: str) -> "_Alignment":
        words = words_of(old), words_of(new)
        mine, theirs = (
            [_key(text[start:end]) for start, end in spans]
            for text, spans in zip((old, new), words, strict=True)
        )
        same = [-1] * len(mine)
        matcher = SequenceMatcher(None, mine, theirs, autojunk=max(len(mine), len(theirs)) > LONG)
        for start, other, size in matcher.get_matching_blocks():
            same[start : start + size] = range(other, other + size)
        return cls(*words, same, len(new))

    def moved(self, mark: Mark, new: str) -> tuple[int, int]:
        """Start and end of a mark in the new text; BadRow for one that is gone."""
        starts = [start for start, _ in self.old]
        first = bisect_right(starts, mark.start) - 1
        last = bisect_right(starts, mark.end - 1) - 1
        start = self._start(mark.start, first, last, new)
        end = self._end(mark.end, first, last, new)
        part = new[start:end]
        if not part.strip():
            raise BadRow(LOST, "")
        return start + len(part) - len(part.lstrip()), start + len(part.rstrip())

    def _start(self, place: int, first: int, last: int, new: str) -> int:
        if (number := self.same[first]) < 0:
            return self._replaced(first, first, last, new)[0]
        start, end = self.new[number]
        return min(start + place - self.old[first][0], end)

    def _end(self, place: int, first: int, last: int, new: str) -> int:
        if (number := self.same[last]) < 0:
            return self._replaced(last, first, last, new)[1]
        start, end = self.new[number]
        return end if place == self.old[last][1] else min(start + place - self.old[last][0], end)

    def _replaced(self, gone: int, first: int, last: int, new: str) -> Span:
        """What stands for a word that is gone; BadRow where it stands for more than the mark's words."""
        before = next((i for i in range(gone, -1, -1) if self.same[i] >= 0), -1)
        behind = next((i for i in range(gone, len(self.same)) if self.same[i] >= 0), len(self.same))
        start = self.new[self.same[before]][1] if before >= 0 else 0
        end = self.new[self.same[behind]][0] if behind < len(self.same) else self.size
        further = before + 1 < first or behind - 1 > last
        if further and len(new[start:end].split()) > 1:
            raise BadRow(LOST, "")
        return start, end


def _key(word: str) -> str:
    return word if word.isascii() and word.islower() else unicodedata.normalize("NFKC", word).casefold()
