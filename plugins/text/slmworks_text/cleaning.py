"""Rows read and cleaned in pieces; what becomes of one depends on nothing else, so any process may do it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from slmworks.curate.operators import Chosen
from slmworks_text.formats import Part, opened_parts, rows_in
from slmworks_text.json_lines import Lines
from slmworks_text.operators import Operator, clean
from slmworks_text.operators.running import operated
from slmworks_text.operators.views import TextView
from slmworks_text.out_of_scope import OutOfScope
from slmworks_text.reading import Reading, paths_of, rows_of
from slmworks_text.rows import Row, Tally
from slmworks_text.rows_on_disk import RowColumns
from slmworks_text.schema import Stratum
from slmworks_text.streams import Meter
from slmworks_text.values import Ragged, Values

ROWS = 2_048
CHARACTERS = 1_000_000
"""A piece of parsed rows ends with so many rows or characters; one of lines as `Lines.split` cuts them."""
STEP = 32
"""Rows that are read before characters are counted."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, as it has them."""

    shown: str
    """`<input>/<file>`."""
    first: int
    """Position of the first, from 0."""
    values: Sequence[Values]
    failed: Exception | None = None
    """What reading the row behind them raised."""

    def read(self) -> "Piece":
        """The same."""
        return self


@dataclass(frozen=True)
class Unread:
    """Rows of a file whose lines are still to be parsed."""

    first: int
    lines: Lines

    def read(self) -> Piece:
        """The rows."""
        values, failed = list[Values](), None
        try:
            values.extend(self.lines.rows())  # keeps what came before an error
        except Exception as error:  # noqa: BLE001 (raised again by whoever cleans the rows)
            failed = error
        return Piece(self.lines.shown, self.first, values, failed)


@dataclass(frozen=True)
class Cleaner:
    """All that is done to rows of one input; it can be pickled."""

    input: str
    reading: Reading
    cleaning: Sequence[Operator]
    """The limits of length are the last."""
    operators: tuple[Chosen, ...]
    outside: OutOfScope
    every: bool
    """Every row is out of scope."""

    def cleaned(
        self, pieces: Iterable[Piece | Unread], tally: Tally, found: set[str]
    ) -> Iterator[Sequence[Row]]:
        """The rows of each piece that stay; `found` takes the labels that are out of scope.

        What reading raised is raised when the rows before it were taken: one of those may be wrong too.
        """
        for piece in pieces:
            read = piece.read()
            yield self._rows(read, tally, found)
            if read.failed is not None:
                raise read.failed

    def _rows(self, piece: Piece, tally: Tally, found: set[str]) -> Sequence[Row]:
        given = enumerate(piece.values, piece.first)
        outside = replace(self.outside, found=found)
        placed = outside.apart(rows_of(self.input, piece.shown, given, self.reading, tally), every=self.every)
        if not self.operators:
            return clean(list(placed), self.cleaning, tally)
        *first, limits = self.cleaning
        rows = operated(
            clean(list(placed), first, tally), self.operators, TextView(self.reading.schema), tally
        )
        return clean(list(rows), (limits,), tally)

    def __call__(self, piece: Piece | Unread) -> "Cleaned":
        """What another process makes of a piece."""
        tally, found, columns = Tally(), set[str](), RowColumns(self.reading.schema)
        for rows in self.cleaned([piece], tally, found):
            columns.extend(rows)
        return Cleaned(columns.batch(), columns.strata, columns.characters, tally, found)


@dataclass(frozen=True)
class Cleaned:
    """The rows of a piece that stay."""

    batch: Any
    """As `RowColumns` has them."""
    strata: Sequence[Stratum]
    """By the numbers in the batch."""
    characters: int
    tally: Tally
    found: set[str]
    """Labels out of scope."""


def pieces_of(
    name: str, folder: Path, reading: Reading, tally: Tally, meter: Meter
) -> Iterator[Piece | Unread]:
    """All rows of an input, file by file in the order of their names; `tally` takes warnings about files.

    What reading raises comes behind the rows that were read before: one of those may be wrong too.
    """
    for path in paths_of(folder):
        shown = f"{name}/{path.relative_to(folder).as_posix()}"
        with opened_parts(
            path, reading.layout, reading.columns, meter, shown=shown, warn=tally.warnings.append
        ) as parts:
            yield from _pieces(shown, parts)
        meter.next_file(path.stat().st_size)


def _pieces(shown: str, parts: Iterator[Part]) -> Iterator[Piece | Unread]:
    first = 0
    for part in parts:
        if isinstance(part, Lines) and part.counted:
            for size, lines in part.split():
                yield Unread(first, lines)
                first += size
            continue
        for values in _bounded(rows_in(part)):
            yield Piece(shown, first, values)
            first += len(values)


def _bounded(found: Iterator[Values]) -> Iterator[list[Values]]:
    """Rows, as many at a time as a piece may have; an error comes behind those before it."""
    values, size, failed = list[Values](), 0, None
    try:
        while True:
            before = len(values)
            values.extend(islice(found, STEP))  # keeps what came before an error
            size += _size(values[before:])
            if len(values) == before:
                break
            if len(values) >= ROWS or size >= CHARACTERS:
                yield values
                values, size = [], 0
    except Exception as error:  # noqa: BLE001 (raised again below)
        failed = error
    if values:
        yield values
    if failed is not None:
        raise failed


def _size(rows: Sequence[Values]) -> int:
    """Characters of the values that are texts."""
    return sum(
        [
            len(cell)
            for _, cells in rows
            if not isinstance(cells, Ragged)
            for cell in cells
            if type(cell) is str
        ]
    )
