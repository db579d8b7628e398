"""How row operators see texts with marks, whose marks move with what an operator changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slmworks.curate.operator import QUESTION, TEXT
from slmworks_text.annotated.carried import carried
from slmworks_text.annotated.marks import BadRow, stored, unpacked
from slmworks_text.rows import Row, Tally

NOTHING_LEFT = "nothing left"
TOO_SHORT, TOO_LONG = "too short", "too long"


class MarkView:
    """The text, behind its question where it has one."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts, and the role of each."""
        question, text = unpacked(row.text)
        return ((question, text), (QUESTION, TEXT)) if question else ((text,), (TEXT,))

    def label(self, row: Row) -> str:
        """None: a row has as many labels as marks."""
        return ""

    def changed(self, row: Row, texts: Sequence[str]) -> Row | str:
        """The row with other texts and its marks where they belong, or why it is none any more."""
        before = stored(row.text, row.target or None)
        question, text = texts if before.question else ("", texts[0])
        if not text.strip() or (before.question and not question.strip()):
            return NOTHING_LEFT
        try:
            marks = None if before.marks is None else carried(before.text, before.marks, text)
            found = replace(before, text=text, question=question, marks=marks).without_nul().whole_words()
        except BadRow as error:
            return error.reason
        return replace(
            row, text=found.packed(), target=found.packed_marks(), template=text if question else ""
        )


@dataclass(frozen=True)
class MarkLimits:
    """Drops rows whose text is outside the limits."""

    min_chars: int
    max_chars: int | None
    """None: any length."""

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows within the limits."""
        kept = []
        for row in rows:
            size = len(unpacked(row.text)[1])
            if size >= self.min_chars and (self.max_chars is None or size <= self.max_chars):
                kept.append(row)
            else:
                reason = TOO_SHORT if size < self.min_chars else TOO_LONG
                tally.drop(reason, lambda row=row: unpacked(row.text)[1:])  # type: ignore[misc]
        return kept
