"""Rows stored on disk and read back in the order of their ids.

An external radix sort: whenever enough rows are in memory they become a *run*, an Arrow file sorted by id
with one batch for each value of the id's first two hex digits. Reading joins the same batches of all runs.
"""

import contextlib
import hashlib
import re
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import attrgetter
from pathlib import Path
from typing import Any, ClassVar

from slmworks.contract.errors import BadRequest
from slmworks_text.memory import give_back
from slmworks_text.rows import Row
from slmworks_text.schema import Strata, Stratum

ROWS = 32_768
CHARACTERS = 16_000_000
"""A run is written when it has so many rows or characters; an eighth of that is read back at a time."""
OPEN = 200
"""So many runs stay open while rows are read back."""
SLICES = 256
"""First two hex digits of an id."""
COLUMNS = ("id", "start", "text", "folded", "target", "stratum", "place", "group", "template")
"""Of a run; `start` is the id's first 64 bits, by which rows are sorted."""
DIGEST = 16
"""Bytes of a text's digest by which equal texts are found."""
HALF = re.compile("[\ud800-\udfff]")


class RowColumns:
    """Rows in memory, as columns; their strata are numbered in the order in which they come."""

    def __init__(self, schema: Strata) -> None:
        self.schema = schema
        self.numbers: dict[Stratum, int] = {}
        self.clear()

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def strata(self) -> list[Stratum]:
        """The strata of all rows so far, by number."""
        return list(self.numbers)

    def number(self, stratum: Stratum) -> int:
        """The number of a stratum, the next one for a new one."""
        return self.numbers.setdefault(stratum, len(self.numbers))

    def extend(self, rows: Sequence[Row]) -> None:
        """Add rows; BadRequest for text that no file can hold."""
        sha256 = hashlib.sha256
        try:  # `Row.identity`, without a call for each row
            contents = [f"{row.text}\0{row.target}\0{row.source}\0{row.origin}".encode() for row in rows]
            groups, templates = (
                [number_of(name) if name else 0 for name in map(attrgetter(of), rows)]
                for of in ("group", "template")
            )
        except UnicodeEncodeError:
            self._refuse_half_pair(rows)
            raise
        ids = [sha256(content).hexdigest()[:20] for content in contents]
        strata = map(self.schema.stratum, rows, ids)
        texts, targets = [row.text for row in rows], [row.target for row in rows]
        self._ids += ids
        self._texts += texts
        self._folded += map(folded_digest, texts)
        self._targets += [target or None for target in targets]
        self._strata.extend(map(self.number, strata))
        self._places.extend([row.place for row in rows])
        self._groups.extend(groups)
        self._templates.extend(templates)
        self.characters += sum(map(len, texts)) + sum(map(len, targets))

    def _refuse_half_pair(self, rows: Sequence[Row]) -> None:
        """BadRequest for the first row with half of a surrogate pair."""
        for row in rows:
            parts = row.text, row.target, row.source, row.origin, row.group, row.template
            if found := next(filter(None, map(HALF.search, parts)), None):
                raise BadRequest(
                    f"{row.origin}: its text, {self.schema.target}, source or group holds half of a "
                    f"surrogate pair ({found[0]!r}), which cannot be written; repair the row."
                )

    def batch(self) -> Any:
        """The rows, in the order in which they came."""
        import pyarrow as pa

        return pa.record_batch(
            {
                "id": pa.array(self._ids, pa.string()),
                "start": pa.array(_starts(self._ids)),
                "text": pa.array(self._texts, pa.large_string()),
                "folded": pa.array(self._folded, pa.binary(DIGEST)),
                "target": pa.array(self._targets, pa.large_string()),
                "stratum": pa.array(self._strata, pa.uint32()),
                "place": pa.array(self._places, pa.uint8()),
                "group": pa.array(self._groups, pa.uint64()),
                "template": pa.array(self._templates, pa.uint64()),
            }
        )

    def clear(self) -> None:
        """Forget the rows; the numbers of strata stay."""
        self._ids: list[str] = []
        self._texts: list[str] = []
        self._folded: list[bytes] = []
        self._targets: list[str | None] = []
        self._strata = array("I")
        self._places = array("B")
        self._groups = array("Q")
        self._templates = array("Q")
        self.characters = 0


class StoredRows:
    """Rows on disk. Memory: one run while writing; one slice of all runs while reading."""

    shared: ClassVar[bool] = True
    """Rows may come from other processes (`extend`)."""

    def __init__(self, folder: Path, schema: Strata) -> None:
        self.folder = folder
        self.schema = schema
        self.size = 0
        self.characters = 0
        self.runs: list[Path] = []
        self._columns = RowColumns(schema)
        self._batches: list[Any] = []
        self._waiting = 0
        self._bytes = 0

    @property
    def strata(self) -> list[Stratum]:
        """The strata of all rows, by number."""
        return self._columns.strata

    @property
    def rows(self) -> int:
        """Rows added so far."""
        return self.size + len(self._columns) + self._waiting

    def add_all(self, rows: Sequence[Row]) -> None:
        """Store rows; BadRequest for text that no file can hold."""
        done = 0
        while done < len(rows):
            some = rows[done : done + max(1, ROWS - len(self._columns))]
            self._columns.extend(some)
            done += len(some)
            if len(self._columns) >= ROWS or self._columns.characters >= CHARACTERS:
                self.flush()

    def extend(self, batch: Any, strata: Sequence[Stratum], characters: int) -> None:
        """Store rows as `RowColumns` has them, with so many characters; `strata`: by their numbers in it."""
        import numpy as np
        import pyarrow as pa

        numbers = np.array([self._columns.number(one) for one in strata], "uint32")
        here = pa.array(numbers[batch.column("stratum").to_numpy()])
        place = batch.schema.get_field_index("stratum")
        self._batches.append(batch.set_column(place, "stratum", here))
        self._waiting += len(batch)
        self._bytes += batch.nbytes
        self.characters += characters
        if self._waiting >= ROWS or self._bytes >= CHARACTERS:
            self.flush()

    def flush(self) -> None:
        """Write the rows in memory as a run."""
        import pyarrow as pa

        if len(self._columns):
            self._batches.append(self._columns.batch())
            self.characters += self._columns.characters
            self._columns.clear()
        if sum(map(len, self._batches)):
            self._write(pa.Table.from_batches(self._batches).combine_chunks().to_batches()[0])
        self._batches, self._waiting, self._bytes = [], 0, 0
        give_back()

    def _write(self, run: Any) -> None:
        import pyarrow as pa

        self.size += len(run)
        run = run.take(_order(run))
        self.runs.append(self.folder / f"run-{len(self.runs)}.arrow")
        with pa.OSFile(str(self.runs[-1]), "wb") as file, pa.ipc.new_file(file, run.schema) as writer:
            for start, end in _slices(run.column("start")):
                writer.write_batch(run.slice(start, end - start))

    def rename(self, names: Mapping[str, str]) -> int:
        """Give the targets of rows on disk other names (old -> new); returns how many rows that changed."""
        import pyarrow as pa

        changed = 0
        for path in self.runs:
            new = path.with_suffix(".new")
            with (
                pa.OSFile(str(path)) as file,
                pa.ipc.open_file(file) as run,
                pa.OSFile(str(new), "wb") as sink,
                pa.ipc.new_file(sink, run.schema) as writer,
            ):
                for number in range(run.num_record_batches):
                    batch, renamed = self._renamed(run.get_batch(number), names)
                    writer.write_batch(batch)
                    changed += renamed
            new.replace(path)
        return changed

    def _renamed(self, batch: Any, names: Mapping[str, str]) -> tuple[Any, int]:
        """A batch with new targets and strata, and the number of rows that changed."""
        import pyarrow as pa

        targets = batch.column("target").to_pylist()
        found = [i for i, target in enumerate(targets) if target in names]
        if not found:
            return batch, 0
        ids, texts, numbers = (batch.column(name).to_pylist() for name in ("id", "text", "stratum"))
        strata = self.strata
        for i in found:
            targets[i] = names[targets[i]]
            row = Row(texts[i], targets[i], strata[numbers[i]].source, "", batch.column("place")[i].as_py())
            numbers[i] = self._columns.number(self.schema.stratum(row, ids[i]))
        new = {"target": pa.array(targets, pa.large_string()), "stratum": pa.array(numbers, pa.uint32())}
        columns = [new.get(field.name, batch.column(field.name)) for field in batch.schema]
        return pa.record_batch(columns, schema=batch.schema), len(found)

    def batches(self, *columns: str) -> Iterator[Any]:
        """Arrow tables of the named columns; together all rows in the order of their ids."""
        import pyarrow as pa

        share = min(ROWS / max(1, self.size), CHARACTERS / max(1, self.characters)) / 8
        span = max(1, min(SLICES, int(SLICES * share)))
        read = {"id", "start", *columns}
        with contextlib.ExitStack() as files:
            kept = [files.enter_context(_run(path, read)) for path in self.runs[:OPEN]]
            for start in range(0, SLICES, span):
                parts = range(start, min(start + span, SLICES))
                batches = [batch for run in kept for batch in _slice(run, parts)]
                for path in self.runs[OPEN:]:
                    with _run(path, read) as run:
                        batches += _slice(run, parts)
                if batches:
                    table = pa.Table.from_batches(batches)
                    wanted = table.select(columns).combine_chunks()
                    yield wanted.take(_order(table)) if len(self.runs) > 1 else wanted


def folded_digest(text: str) -> bytes:
    """16 bytes of the digest of a text without its case."""
    return hashlib.blake2b(text.casefold().encode(), digest_size=DIGEST).digest()


def number_of(text: str) -> int:
    """64 bits of a text's digest, by which texts are compared."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _starts(ids: Sequence[str]) -> Any:
    """The first 64 bits of each id (uint64)."""
    import numpy as np

    digits = np.frombuffer(bytes.fromhex("".join(ids)), "uint8").reshape(-1, 10)[:, :8]
    return np.ascontiguousarray(digits).view(">u8").ravel().astype("uint64")


def _order(rows: Any) -> Any:
    """Where the rows are in the order of their ids, by the first 64 bits of these."""
    import pyarrow.compute as pc

    starts = rows.column("start").to_numpy()
    order = starts.argsort()
    ordered = starts[order]
    if (ordered[1:] == ordered[:-1]).any():
        return pc.sort_indices(rows.column("id"))
    return order


def _slices(starts: Any) -> Iterator[tuple[int, int]]:
    """Start and end of the sorted ids that begin with `00`, `01`, … `ff`."""
    import numpy as np

    first = (starts.to_numpy() >> np.uint64(56)).astype("int64")
    ends = list(accumulate(np.bincount(first, minlength=SLICES).tolist()))
    return zip([0, *ends[:-1]], ends, strict=True)


@contextlib.contextmanager
def _run(path: Path, columns: Collection[str]) -> Iterator[Any]:
    """A run, with these columns."""
    import pyarrow as pa

    wanted = [i for i, name in enumerate(COLUMNS) if name in columns]
    options = pa.ipc.IpcReadOptions(included_fields=wanted)
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file, options=options) as run:
        yield run


def _slice(run: Any, parts: Sequence[int]) -> list[Any]:
    return [batch for part in parts if len(batch := run.get_batch(part))]
