"""How the texts of a stored row are seen."""

from typing import Protocol

from slmworks_text.rows import Row


class View(Protocol):
    """Texts of rows, for people."""

    def texts(self, row: Row) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The row's texts, and the role of each."""
