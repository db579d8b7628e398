"""Rows put aside on disk and read back in the order of their ids.

An external radix sort: whenever enough rows are in memory they become a *run*, an Arrow file sorted by id
with one batch for each value of the id's first two hex digits. Reading joins the same batches of all runs.
"""

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_text.rows import Row

ROWS = 32_768
CHARACTERS = 16_000_000
"""A run is written when it has so many rows or characters."""
SLICES = 256
"""First two hex digits of an id."""


class Names:
    """Numbers for pairs of label and source, by first appearance."""

    def __init__(self) -> None:
        self.number: dict[tuple[str, str], int] = {}

    def of(self, label: str, source: str) -> int:
        """The pair's number."""
        return self.number.setdefault((label, source), len(self.number))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(label, source) by number."""
        return list(self.number)


class Shelf:
    """Rows on disk. Memory: one run while writing; one slice of all runs while reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.strata = Names()
        self.size = 0
        self.runs: list[Path] = []
        self._clear()

    def add(self, row: Row) -> None:
        """Put a row aside; BadRequest for one that no file can hold."""
        try:
            id_, group = row.identity(), number_of(row.group) if row.group else 0
        except UnicodeEncodeError as error:
            raise BadRequest(
                f"{row.origin}: its text, label, source or group holds half of a surrogate pair "
                f"({error.object[error.start]!r}), which cannot be written; repair the row."
            ) from None
        self._ids.append(id_)
        self._texts.append(row.text)
        self._strata.append(self.strata.of(row.label, row.source))
        self._places.append(row.place)
        self._groups.append(group)
        self._characters += len(row.text)
        if len(self._ids) >= ROWS or self._characters >= CHARACTERS:
            self.flush()

    @property
    def rows(self) -> int:
        """How many were added so far."""
        return self.size + len(self._ids)

    def flush(self) -> None:
        """Write what is in memory as a run."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if not self._ids:
            return
        columns = {
            "id": pa.array(self._ids, pa.string()),
            "text": pa.array(self._texts, pa.large_string()),
            "stratum": pa.array(self._strata, pa.uint32()),
            "place": pa.array(self._places, pa.uint8()),
            "group": pa.array(self._groups, pa.uint64()),
        }
        self.size += len(self._ids)
        self._clear()
        run = pa.record_batch(columns)
        run = run.take(pc.sort_indices(run.column("id")))
        self.runs.append(self.folder / f"run-{len(self.runs)}.arrow")
        with pa.OSFile(str(self.runs[-1]), "wb") as file, pa.ipc.new_file(file, run.schema) as writer:
            for start, end in _slices(run.column("id")):
                writer.write_batch(run.slice(start, end - start))

    def batches(self, *columns: str) -> Iterator[Any]:
        """Arrow tables of the named columns; together all rows in the order of their ids."""
        import pyarrow as pa

        span = max(1, min(SLICES, SLICES * ROWS // (8 * max(1, self.size))))
        for start in range(0, SLICES, span):
            parts = range(start, min(start + span, SLICES))
            batches = [batch for path in self.runs for batch in _batches(path, parts)]
            if batches:
                table = pa.Table.from_batches(batches)
                if len(self.runs) > 1:
                    table = table.sort_by("id")
                yield table.select(columns).combine_chunks()

    def _clear(self) -> None:
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._strata = array("I")
        self._places = array("B")
        self._groups = array("Q")
        self._characters = 0


def number_of(text: str) -> int:
    """64 bits of a digest that stand for a text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _slices(ids: Any) -> Iterator[tuple[int, int]]:
    """Start and end of the ids that begin with `00`, `01`, … `ff`."""
    import numpy as np

    found = ids.to_numpy(zero_copy_only=False).astype("U2")
    edges = np.searchsorted(found, [f"{i:02x}" for i in range(SLICES)]).tolist()
    return zip(edges, [*edges[1:], len(found)], strict=True)


def _batches(path: Path, parts: Sequence[int]) -> list[Any]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as run:
        return [batch for part in parts if len(batch := run.get_batch(part))]
