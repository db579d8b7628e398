"""What is done to each row on its own: repair, redact, measure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from slmworks_text.clean import normalise
from slmworks_text.personal import Redactor
from slmworks_text.rows import Row, Tally


@dataclass(frozen=True, kw_only=True)
class Operators:
    """Row in, row or nothing out; everything dropped or changed is counted."""

    redactor: Redactor
    normalise: bool
    min_chars: int
    max_chars: int | None
    count_replaced: bool
    """Whether U+FFFD stands for a byte that could not be read."""

    def mended(self, rows: Iterable[Row], tally: Tally) -> Iterator[Row]:
        """The rows that stay, with their final text."""
        for row in rows:
            self._mend(row, tally)
            if self._fits(row.text, tally):
                yield row

    def _mend(self, row: Row, tally: Tally) -> None:
        if self.count_replaced and "\ufffd" in row.text:
            tally.changed["bad bytes replaced"] += 1
        if self.normalise and (mended := normalise(row.text)) != row.text:
            tally.changed["normalised"] += 1
            row.text = mended
        row.text, found = self.redactor.redact(row.text)
        if found:
            tally.changed["personal data redacted"] += 1
            tally.personal.update(found)

    def _fits(self, text: str, tally: Tally) -> bool:
        reason = (
            "no text" if not text or text.isspace()
            else "too short" if len(text) < self.min_chars
            else "too long" if self.max_chars is not None and len(text) > self.max_chars
            else ""
        )  # fmt: skip
        if reason:
            tally.dropped[reason] += 1
        return not reason
