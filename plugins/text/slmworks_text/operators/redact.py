"""Personal data replaced by tags such as `<EMAIL>`."""

from dataclasses import dataclass

from slmworks_text.personal import Redactor
from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class Redact:
    """Redacts the texts of a row; counts the rows that this changed, and every tag by kind."""

    texts: tuple[str, ...]
    """Attributes of a row to redact."""
    redactor: Redactor

    def __call__(self, row: Row, tally: Tally) -> Row:
        """The row with redacted texts."""
        changed = False
        for name in self.texts:
            text, found = self.redactor.redact(getattr(row, name))
            if found:
                setattr(row, name, text)
                tally.personal.update(found)
                changed = True
        if changed:
            tally.changed["personal data redacted"] += 1
        return row
