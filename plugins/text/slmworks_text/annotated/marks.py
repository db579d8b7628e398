"""A text with marked parts, and changes of the text that leave the marks where they belong."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

from slmworks.model_tasks.word_windows import words_of
from slmworks_text.operators.normalise import normalise, repaired
from slmworks_text.personal import Redactor


class Mark(NamedTuple):
    """A part of a text."""

    start: int
    """Its first character."""
    end: int
    """The first one behind it."""
    label: str
    """What it is; empty for an answer."""


class BadRow(Exception):
    """A row that cannot be used."""

    def __init__(self, reason: str, why: str, *, plain: str | None = None) -> None:
        """`reason`: what is counted; `why`: what is wrong with this row.

        `plain`: the same without the values of the row, which may be personal, where `why` quotes them.
        """
        super().__init__(f"{reason}: {why}" if why else reason)
        self.reason = reason
        why = why if plain is None else plain
        self.plain = f"{reason}: {why}" if why else reason
        """What a card may say."""


@dataclass(frozen=True)
class Annotated:
    """A text, its marks from left to right, and the question that it is asked with."""

    text: str
    marks: tuple[Mark, ...] | None
    """None: nobody has marked it."""
    question: str = ""
    overlapping: bool = False
    """Marks may overlap, as several right answers do; they need not be whole words."""

    def packed(self) -> str:
        """Question and text as one."""
        return f"{self.question}\0{self.text}" if self.question else self.text

    def packed_marks(self) -> str:
        """The marks as one text; empty where nobody has marked it."""
        if self.marks is None:
            return ""
        return json.dumps(self.marks, separators=(",", ":"), ensure_ascii=False)

    def without_nul(self) -> "Annotated":
        """Itself; BadRow for one with a NUL, which parts a question from its text."""
        if "\0" in self.text or "\0" in self.question:
            raise BadRow("a NUL in the text", "no file of text has one; normalise removes it")
        return self

    def within(self) -> "Annotated":
        """With marks in order, each once, without blanks at their ends; BadRow for one that marks nothing."""
        if self.marks is None:
            return self
        found = []
        for mark in sorted(set(self.marks)):
            if not 0 <= mark.start < mark.end <= len(self.text):
                raise BadRow(
                    "a mark outside the text",
                    f"{mark.start} to {mark.end} in a text of {len(self.text)} characters",
                )
            part = self.text[mark.start : mark.end]
            if part.isspace():
                raise BadRow("a mark of blanks", f"{mark.start} to {mark.end}")
            start = mark.start + len(part) - len(part.lstrip())
            found.append(Mark(start, start + len(part.strip()), mark.label))
        return replace(self, marks=tuple(found))

    def normalised(self) -> "Annotated":
        """Both texts repaired, one blank between words."""
        text, question = normalise(self.text), normalise(self.question)
        if text == self.text or not self.marks:
            return replace(self, text=text, question=question)
        edges = sorted({0, len(self.text), *(edge for mark in self.marks for edge in mark[:2])})
        pieces = [repaired(self.text[start:end]) for start, end in pairwise(edges)]
        moved = dict(zip(edges, accumulate(map(len, pieces), initial=0), strict=True))
        text, places = _squeezed("".join(pieces))
        marks = [Mark(places[moved[one.start]], places[moved[one.end]], one.label) for one in self.marks]
        return replace(self, text=text, marks=tuple(marks), question=question).within()

    def redacted(self, redactor: Redactor) -> "tuple[Annotated, dict[str, int]]":
        """Personal data in both texts replaced by tags, and how many of each kind.

        A mark that begins or ends within what is replaced goes as far as the tag; of several within one, the
        first stays.
        """
        question, counts = redactor.redact(self.question)
        finds = redactor.find(self.text)
        pieces, done, shifts = [], 0, []
        length = 0
        for start, end, kind in finds:
            counts[kind] = counts.get(kind, 0) + 1
            tag = f"<{kind.upper()}>"
            pieces += [self.text[done:start], tag]
            length += start - done
            shifts.append((start, end, length, length + len(tag)))
            length += len(tag)
            done = end
        text = "".join((*pieces, self.text[done:]))
        if self.marks is None:
            return replace(self, text=text, question=question), counts
        marks: list[Mark] = []
        for mark in self.marks:
            moved = Mark(_moved(mark.start, shifts, 2), _moved(mark.end, shifts, 3), mark.label)
            if not marks or moved.start >= marks[-1].end or (self.overlapping and moved not in marks):
                marks.append(moved)
        return replace(self, text=text, marks=tuple(marks), question=question), counts

    def whole_words(self) -> "Annotated":
        """With marks that begin and end with words; BadRow where two of them share one, or overlap."""
        if not self.marks or self.overlapping:
            return self
        words = words_of(self.text)
        found = []
        for mark in self.marks:
            own = [word for word in words if word[0] < mark.end and mark.start < word[1]]
            found.append(Mark(own[0][0], own[-1][1], mark.label))
        for one, other in pairwise(found):
            if other.start < one.end:
                raise BadRow(
                    "marks that overlap",
                    f"{self.text[one.start : one.end]!r} and {self.text[other.start : other.end]!r}",
                    plain="",
                )
        return replace(self, marks=tuple(found))


def unpacked(text: str) -> tuple[str, str]:
    """Question (empty for none) and text, from what `Annotated.packed` gives."""
    question, found, rest = text.partition("\0")
    return (question, rest) if found else ("", text)


def stored(text: str, target: str | None) -> Annotated:
    """A text with marks, from what `packed` and `packed_marks` give."""
    question, text = unpacked(text)
    marks = None if target is None else tuple(Mark(*mark) for mark in json.loads(target))
    return Annotated(text, marks, question, overlapping=bool(question))


def _squeezed(text: str) -> tuple[str, list[int]]:
    """The text with one blank between words, and the place there of every character, and of the end."""
    found: list[str] = []
    places = []
    for sign in text:
        blank = sign.isspace()
        places.append(len(found))
        if not blank or (found and found[-1] != " "):
            found.append(" " if blank else sign)
    if found and found[-1] == " ":
        found.pop()
    places.append(len(found))
    return "".join(found), [min(place, len(found)) for place in places]


def _moved(place: int, shifts: Sequence[tuple[int, int, int, int]], side: int) -> int:
    """A place after replacements (start, end, new start, new end); `side`: 2 for a start, 3 for an end."""
    moved = place
    for shift in shifts:
        start, end, _, new_end = shift
        if start < place < end or (place == start and side == 2) or (place == end and side == 3):
            return shift[side]
        if place >= end:
            moved = place + new_end - end
    return moved
