"""Console for tables: as wide as the terminal, and wide enough to read without one."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PAGE = 140
"""Columns when the output is a file or a pipe."""


def console() -> "Console":
    """Standard output, without highlighting."""
    from rich.console import Console

    drawn = Console(highlight=False)
    return drawn if drawn.is_terminal else Console(highlight=False, width=PAGE)


def columns(*names: str, wrap: str = "") -> "Table":
    """A table without lines; only the column `wrap` may take several lines a row."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in names:
        options: dict[str, Any] = {"overflow": "fold"} if name == wrap else {"no_wrap": True}
        table.add_column(name, **options)
    return table
