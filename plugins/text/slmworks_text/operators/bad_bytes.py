"""Rows with bytes that their encoding could not read."""

from collections.abc import Sequence
from dataclasses import dataclass

from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class CountBadBytes:
    """Counts rows with U+FFFD, which the reader put in place of bad bytes (`utf-8-replace`)."""

    texts: tuple[str, ...]
    """Attributes of a row to search."""

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows as they are."""
        if count := sum(any("\ufffd" in getattr(row, name) for name in self.texts) for row in rows):
            tally.changed["bad bytes replaced"] += count
        return rows
