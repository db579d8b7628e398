"""Rows with bytes that their encoding could not read."""

from dataclasses import dataclass

from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class CountBadBytes:
    """Counts rows with U+FFFD, which the reader put in place of bad bytes (`utf-8-replace`)."""

    texts: tuple[str, ...]
    """Attributes of a row to search."""

    def __call__(self, row: Row, tally: Tally) -> Row:
        """The row as it is."""
        if any("\ufffd" in getattr(row, name) for name in self.texts):
            tally.changed["bad bytes replaced"] += 1
        return row
