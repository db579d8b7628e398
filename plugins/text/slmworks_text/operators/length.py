"""Rows that are empty, too short or too long."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from slmworks_text.rows import LABELLED, PLACES, Row, Tally


@dataclass(frozen=True)
class LimitLength:
    """Drops rows whose input is empty or outside the limits, and labelled rows without a target."""

    input: str
    """Name of the input, for the reason."""
    target: str
    """Name of the target, for the reason."""
    min_chars: int
    max_chars: int | None
    """None: any length."""

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows within the limits."""
        kept, most = [], self.max_chars if self.max_chars is not None else sys.maxsize
        for row in rows:
            text = row.text
            if row.target and self.min_chars <= len(text) <= most and not text.isspace():
                kept.append(row)
            elif reason := self._reason(row):
                tally.dropped[reason] += 1
            else:
                kept.append(row)
        return kept

    def _reason(self, row: Row) -> str:
        """Why the row is dropped; empty: it isn't."""
        text = row.text
        return (
            f"no {self.input}" if not text or text.isspace()
            else "too short" if len(text) < self.min_chars
            else "too long" if self.max_chars is not None and len(text) > self.max_chars
            else f"no {self.target}" if not row.target and PLACES[row.place] in LABELLED
            else ""
        )  # fmt: skip
