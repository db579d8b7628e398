"""Rows that are empty, too short or too long."""

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

    def __call__(self, row: Row, tally: Tally) -> Row | None:
        """The row, or None."""
        text = row.text
        reason = (
            f"no {self.input}" if not text or text.isspace()
            else "too short" if len(text) < self.min_chars
            else "too long" if self.max_chars is not None and len(text) > self.max_chars
            else f"no {self.target}" if not row.target and PLACES[row.place] in LABELLED
            else ""
        )  # fmt: skip
        if not reason:
            return row
        tally.drop(reason, lambda: (text,))
        return None
