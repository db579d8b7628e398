"""The texts of rows with marks, for a card."""

from slmworks_text.annotated.marks import unpacked
from slmworks_text.rows import Row


class MarkView:
    """The text, behind its question where it has one."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The texts, and the role of each."""
        question, text = unpacked(row.text)
        return ((question, text), ("question", "text")) if question else ((text,), ("text",))
