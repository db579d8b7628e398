"""How marks are written in files: a reader of files, and a reader of rows."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, get_args

from slmworks_text.annotated.marks import Annotated
from slmworks_text.formats import read_rows
from slmworks_text.layout import Format, Layout
from slmworks_text.streams import Meter
from slmworks_text.values import Values, Wanted

TABLES = get_args(Format)
"""Formats that every curation reads."""

Warn = Callable[[str], None]
ReadFile = Callable[[Path, Layout, Wanted, Meter, str, Warn], Iterator[Values]]
"""From path, layout, wanted columns, meter and name in errors to rows; what is doubtful goes to the last."""


class Form(Protocol):
    """How marks are written in an input."""

    def rows_of(self, format_: str | None) -> ReadFile:
        """The reader of its files, by the `format` that was asked for."""

    def read(self, given: Mapping[str, Any], *, unlabelled: bool) -> Annotated:
        """A row, from values by part; BadRow for one that cannot be used."""


def table_rows(
    path: Path, layout: Layout, wanted: Wanted, meter: Meter, shown: str, warn: Warn
) -> Iterator[Values]:
    """Rows of a table."""
    return read_rows(path, layout, wanted, meter, shown=shown, warn=warn)
