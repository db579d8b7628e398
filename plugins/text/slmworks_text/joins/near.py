"""Rows whose texts are nearly equal."""

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from slmworks.contract.workers import Workers
from slmworks_text.joins.components import Components
from slmworks_text.joins.ownership import keep_first_place
from slmworks_text.ledger import Key, Ledger, compared
from slmworks_text.rows import POOL, Tally
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.spread.near import near_duplicates

Progress = Callable[[int, int, str], None]
"""Takes the rows or bands that are done, of how many, and the unit."""


def join_near(
    rows: StoredRows,
    ledger: Ledger,
    components: Components,
    *,
    threshold: float,
    scratch: Path,
    progress: Progress,
    key: Key | None = None,
    workers: Workers | None = None,
) -> None:
    """Join near duplicates, of a Jaccard similarity of `threshold` or more, among one row of each text.

    `key`: None where a row's text is what it is compared by. `workers`: who hashes and compares, if not this
    process.
    """
    numbers = array("I")

    def texts() -> Iterator[Any]:
        done = 0
        for batch in rows.batches("text", "target") if key else rows.batches("text"):
            searched = ledger.searched[done : done + len(batch)].nonzero()[0]
            numbers.extend((searched + done).tolist())
            yield _array(batch.take(searched), key)
            progress(done := done + len(batch), rows.size, "rows")

    near = near_duplicates(threshold, scratch, workers)
    near.extend_all(texts())
    near.join(components, numbers, lambda done, total: progress(done, total, "bands"))
    near.close()


def _array(batch: Any, key: Key | None) -> Any:
    """What the rows of a batch are compared by, as an Arrow array."""
    import pyarrow as pa

    if key is not None:
        return pa.array(compared(batch, key), pa.large_string())
    return batch.column("text").combine_chunks()


def drop_near(
    ledger: Ledger,
    components: Components,
    tally: Tally,
    *,
    reason: str = "near duplicate",
    across: str = "near a {} row",
) -> None:
    """Drop near duplicates; rows of one text are settled already.

    `reason`: what is counted in the pool; `across`: of rows that another split has, with a gap for it.
    """
    tally.dropped[reason] += 0
    for alike in kept_alike(ledger, components.names()):
        place, own = keep_first_place(ledger, alike, across, tally)
        if place < POOL:
            continue
        seen: set[int] = set()
        for row, target in zip(own, ledger.target[own].tolist(), strict=True):
            if target in seen:
                tally.dropped[reason] += 1
                ledger.kept[row] = False
            seen.add(target)


def kept_alike(ledger: Ledger, names: Any) -> Iterator[list[int]]:
    """Kept rows of each component that has several."""
    import numpy as np

    joined = np.zeros(len(names), bool)
    moved = names != np.arange(len(names), dtype="uint32")
    joined[names[moved]] = True
    rows = np.flatnonzero((joined | moved) & ledger.kept)
    rows = rows[np.argsort(names[rows], kind="stable")]
    for alike in np.split(rows, np.flatnonzero(np.diff(names[rows])) + 1):
        if len(alike) > 1:
            yield alike.tolist()
