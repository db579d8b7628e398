"""Rows on disk that a person can be told of: where each came from, and what it says."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from slmworks_text.facts.seen import View
from slmworks_text.ledger import Key, compared
from slmworks_text.rows import POOL, Row
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Strata


class Told(NamedTuple):
    """What is told of a row."""

    origin: str
    text: str
    """For people."""
    compared: str
    """What it is compared by."""


class TracedRows(StoredRows):
    """Rows on disk that remember where each came from."""

    shared: ClassVar[bool] = False

    def __init__(self, folder: Path, schema: Strata) -> None:
        super().__init__(folder, schema)
        self.origins = folder / "origins"
        self._file = self.origins.open("w", encoding="utf-8")

    def add_all(self, rows: Sequence[Row]) -> None:
        """Store rows, and their origins."""
        super().add_all(rows)
        self._file.writelines(f"{row.identity()}\t{row.where}\n".replace("\r", " ") for row in rows)

    def flush(self) -> None:
        """Write what is in memory."""
        super().flush()
        self._file.flush()

    def positions(self, ids: Collection[str]) -> dict[str, int]:
        """Id -> position, of those that are there."""
        found: dict[str, int] = {}
        done = 0
        for batch in self.batches("id"):
            here = batch.column("id").to_pylist()
            found |= {id_: done + i for i, id_ in enumerate(here) if id_ in ids}
            done += len(here)
        return found

    def told(self, wanted: Iterable[int], view: View, key: Key | None = None) -> dict[int, Told]:
        """Position -> what is told of that row; `key`: None where its text is what it is compared by."""
        import pyarrow as pa

        found: dict[int, Told] = {}
        done, rows = 0, set(wanted)
        for batch in self.batches("id", "text", "target"):
            here = sorted(i for i in rows if done <= i < done + len(batch))
            if here:
                part: Any = batch.take(pa.array([i - done for i in here]))
                columns = (part.column(name).to_pylist() for name in ("id", "text", "target"))
                for i, id_, text, target, by in zip(here, *columns, compared(part, key), strict=True):
                    row = Row(text, target or "", "", "", POOL)
                    found[i] = Told(id_, " | ".join(view.texts(row)[0]), by)
            done += len(batch)
        origins = self._where({one.origin for one in found.values()})
        return {i: one._replace(origin=origins[one.origin]) for i, one in found.items()}

    def _where(self, ids: set[str]) -> dict[str, str]:
        """Id -> origin."""
        with self.origins.open(encoding="utf-8") as file:
            pairs = (line.rstrip("\n").partition("\t") for line in file)
            return {id_: where for id_, _, where in pairs if id_ in ids}
