"""Rows cleaned by workers, piece by piece, in the order in which they were read."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slmworks.contract.workers import Workers
from slmworks_text.rows import Row, Tally
from slmworks_text.rows_on_disk import RowColumns
from slmworks_text.schema import Schema, Stratum

ROWS = 4_096
CHARACTERS = 2_000_000
"""A piece ends with so many rows or characters."""


class Cleaning(Protocol):
    """What is done to rows; it can be pickled."""

    def __call__(self, rows: Iterable[Row], *, tally: Tally) -> Iterable[Row]:
        """The rows that no operator drops; counts in the tally."""


@dataclass(frozen=True)
class Cleaned:
    """What became of a piece."""

    rows: bytes
    """Its rows, as a stream of Arrow with one batch."""
    strata: Sequence[Stratum]
    """By the numbers in the batch."""
    tally: Tally

    def batch(self) -> Any:
        """Its rows, as `RowColumns` has them."""
        import pyarrow as pa

        with pa.ipc.open_stream(self.rows) as stream:
            return stream.read_next_batch()


@dataclass(frozen=True)
class Cleaner:
    """Cleans a piece of rows: what a worker gets."""

    schema: Schema
    cleaning: Cleaning

    def __call__(self, rows: Sequence[Row]) -> Cleaned:
        """The rows that stay, and what was counted."""
        import pyarrow as pa

        tally, columns = Tally(), RowColumns(self.schema)
        for row in self.cleaning(rows, tally=tally):
            columns.add(row)
        batch, sink = columns.batch(), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return Cleaned(sink.getvalue().to_pybytes(), columns.strata, tally)


def cleaned(workers: Workers, cleaner: Cleaner, rows: Iterable[Row], reading: Tally) -> Iterator[Cleaned]:
    """Rows, cleaned by workers; each piece with what was counted in it since the rows were read.

    `reading` is the tally that whoever reads `rows` counts in; it is emptied into those of the pieces.
    """
    counted: deque[Tally] = deque()

    def pieces() -> Iterator[list[Row]]:
        for piece in _pieces(rows):
            counted.append(reading.taken())
            yield piece

    for found in workers.map(cleaner, pieces()):
        before = counted.popleft()
        before.add(found.tally)
        yield Cleaned(found.rows, found.strata, before)


def _pieces(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """At least one piece, so that what was counted of rows that were all dropped is in it.

    What reading raises comes behind the rows that were read before: one of those may be wrong too.
    """
    piece: list[Row] = []
    characters, failed = 0, None
    try:
        for row in rows:
            piece.append(row)
            characters += len(row.text) + len(row.target)
            if len(piece) >= ROWS or characters >= CHARACTERS:
                yield piece
                piece, characters = [], 0
    except Exception as error:  # noqa: BLE001 (raised again below)
        failed = error
    yield piece
    if failed is not None:
        raise failed
