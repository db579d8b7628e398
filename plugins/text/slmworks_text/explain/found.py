"""The row of a file that a person means: `INPUT:NUMBER`, `INPUT/FILE:LINE`, or text that it holds."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks_text.annotated.forms import ReadFile, table_rows
from slmworks_text.layout import Layout
from slmworks_text.reading import paths_of
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged, Values, Wanted

PLACE = re.compile(r"(?P<input>[^:/]+)(?:/(?P<file>.+))?:(?P<number>[0-9]+)")
SHOWN = 3
"""So many further rows that hold the text are named."""


@dataclass(frozen=True)
class Raw:
    """A row as its file has it."""

    input: str
    shown: str
    """`<input>/<file>`."""
    number: int
    """Within the input, from 1."""
    position: int
    """Within the file, from 0."""
    values: Values
    nulls: bool
    """Of a Parquet file."""

    @property
    def where(self) -> str:
        """`train/rows.csv:14 (train:13)`."""
        return f"{self.shown}:{self.values[0]} ({self.named})"

    @property
    def named(self) -> str:
        """`train:13`."""
        return f"{self.input}:{self.number}"

    def holds(self, text: str) -> bool:
        """True where one of its values holds the text, whatever the case."""
        cells = self.values[1]
        return not isinstance(cells, Ragged) and any(text in _written(cell).casefold() for cell in cells)


def _written(cell: Any) -> str:
    words = isinstance(cell, list) and all(isinstance(word, str) for word in cell)
    return " ".join(cell) if words else str(cell)


class Findable(Protocol):
    """A row, or whatever else is looked for by text."""

    @property
    def where(self) -> str:
        """Its place, in full."""

    @property
    def named(self) -> str:
        """The shortest name of the place."""

    def holds(self, text: str) -> bool:
        """True where a text (without its case) is in it."""


F = TypeVar("F", bound=Findable)


@dataclass(frozen=True)
class Searched(Generic[F]):
    """The row that is meant, and where others are that hold the text too."""

    row: F
    others: list[str] = field(default_factory=list)
    more: int = 0
    """Others that aren't named."""


def holding(text: str, rows: Iterable[F]) -> Searched[F] | None:
    """The first row that holds a text; None where none does."""
    wanted = text.casefold()
    found = (row for row in rows if row.holds(wanted))
    first = next(found, None)
    if first is None:
        return None
    others = [row.named for row in islice(found, SHOWN)]
    return Searched(first, others, sum(1 for _ in found))


def raw_rows(
    data: Files, name: str, layout: Layout, wanted: Wanted, read: ReadFile = table_rows
) -> Iterator[Raw]:
    """All rows of an input."""
    number = 0
    for path in paths_of(data.folder(name)):
        shown = f"{name}/{path.relative_to(data.folder(name)).as_posix()}"
        parquet = layout.format == "parquet" or path.suffix.lower() == ".parquet"
        found = read(path, layout, wanted, Meter(0), shown, lambda _: None)
        for position, values in enumerate(found):
            number += 1
            yield Raw(name, shown, number, position, values, parquet)


def search(asked: str, data: Files, readings: dict[str, Any]) -> Searched[Raw]:
    """The row that is asked for; BadRequest for none.

    `readings`: input -> layout, wanted columns and, where it isn't that of tables, the reader of files.
    """
    place = PLACE.fullmatch(asked.strip())
    if place and (place["input"] in readings or not _somewhere(asked, data, readings)):
        return Searched(_at(place, asked, data, readings))
    if not asked.strip():
        raise BadRequest("--explain: name a row, INPUT:NUMBER, or text that it holds.")
    if found := holding(asked.strip(), _all(data, readings)):
        return found
    raise BadRequest(
        f"--explain: no row holds '{asked:.60}'; name one by its number, such as {next(iter(readings))}:1."
    )


def _all(data: Files, readings: dict[str, Any]) -> Iterator[Raw]:
    for name, reading in readings.items():
        yield from raw_rows(data, name, *reading)


def _somewhere(text: str, data: Files, readings: dict[str, Any]) -> bool:
    wanted = text.strip().casefold()
    return any(row.holds(wanted) for row in _all(data, readings))


def _at(place: re.Match[str], asked: str, data: Files, readings: dict[str, Any]) -> Raw:
    name, file, number = place["input"], place["file"], int(place["number"])
    if name not in readings:
        raise BadRequest(
            f"--explain {asked}: no input of rows named '{name}'. {did_you_mean(name, readings)}"
        )
    files, row = set(), None
    for row in raw_rows(data, name, *readings[name]):
        files.add(row.shown)
        if row.number == number if file is None else (row.shown, row.values[0]) == (f"{name}/{file}", number):
            return row
    if row is None:
        raise BadRequest(f"--explain {asked}: the input '{name}' has no rows.")
    if file is not None and f"{name}/{file}" not in files:
        raise BadRequest(
            f"--explain {asked}: no file '{file}' in {name}. {did_you_mean(f'{name}/{file}', files)}"
        )
    what = f"rows 1 to {row.number:,}" if file is None else "no row at that line"
    raise BadRequest(f"--explain {asked}: {name if file is None else f'{name}/{file}'} has {what}.")
