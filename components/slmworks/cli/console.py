"""What commands print: lines, and tables as wide as the terminal, readable without one too.

Most of it holds text of others, so nothing is read as rich's markup, and what can't be seen is made visible.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from slmworks.contract.plain_text import one_line, visible

if TYPE_CHECKING:
    from rich.console import Console

PAGE = 140
"""Columns when the output is a file or a pipe."""


def say(line: object = "", *, err: bool = False) -> None:
    """Print for people; `err`: to standard error. JSON and YAML for programs go by `click.echo` instead."""
    click.echo(visible(line), err=err)


def console() -> "Console":
    """Standard output, without highlighting, markup and emoji codes."""
    from rich.console import Console

    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    drawn = Console(**plain)
    return drawn if drawn.is_terminal else Console(**plain, width=PAGE)


@dataclass
class Columns:
    """A table without lines; only the columns `wrap` take several lines a row, to show all of a text."""

    names: tuple[str, ...]
    wrap: tuple[str, ...]
    _rows: list[tuple[tuple[str, ...], str]] = field(default_factory=list)

    def add(self, *cells: str, style: str = "") -> None:
        """Add a row, in the order of the names."""
        self._rows.append((cells, style))

    def show(self) -> None:
        """Print it."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 1), header_style="dim")
        for name in self.names:
            options: dict[str, Any] = {"overflow": "fold"} if name in self.wrap else {"no_wrap": True}
            table.add_column(name, **options)
        for cells, style in self._rows:
            table.add_row(*(Text(one_line(cell)) for cell in cells), style=style)
        console().print(table)
