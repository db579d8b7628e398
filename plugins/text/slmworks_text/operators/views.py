"""How row operators see rows of texts; conversations have a view of their own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from slmworks.curate.operator import TARGET, TEXT
from slmworks_text.rows import Row
from slmworks_text.schema import Schema


@dataclass(frozen=True)
class TextView:
    """A row's input, and its target where that is a text."""

    schema: Schema

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts, and the role of each."""
        if self.schema.classes or not row.target:
            return (row.text,), (TEXT,)
        return (row.text, row.target), (TEXT, TARGET)

    def label(self, row: Row) -> str:
        """The target, where that is a class."""
        return row.target if self.schema.classes else ""

    def changed(self, row: Row, texts: Sequence[str]) -> Row | str:
        """The row with other texts; empty ones are found by the limits of its length."""
        return replace(row, text=texts[0], target=texts[1] if len(texts) > 1 else row.target)
