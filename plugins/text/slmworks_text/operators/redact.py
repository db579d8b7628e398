"""Personal data replaced by tags such as `<EMAIL>`."""

from collections.abc import Sequence
from dataclasses import dataclass

from slmworks_text.personal import Redactor, suspects
from slmworks_text.rows import Row, Tally


@dataclass(frozen=True)
class Redact:
    """Redacts the texts of rows; counts the rows that this changed, and every tag by kind."""

    texts: tuple[str, ...]
    """Attributes of a row to redact."""
    redactor: Redactor

    def __call__(self, rows: Sequence[Row], tally: Tally) -> Sequence[Row]:
        """The rows with redacted texts."""
        changed = set()
        for name in self.texts:
            texts = [getattr(row, name) for row in rows]
            for i in suspects(texts):
                text, found = self.redactor.redact(texts[i])
                if found:
                    setattr(rows[i], name, text)
                    tally.personal.update(found)
                    changed.add(i)
        if changed:
            tally.changed["personal data redacted"] += len(changed)
        return rows
