"""Texts of a few test rows, read in pieces: a test set need not fit into memory."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Dataset
from slmworks.contract.errors import SlmworksError

AT_ONCE = 1024
"""Rows that are looked at together."""


def texts(folder: Path, ids: Collection[str]) -> Mapping[str, str]:
    """Id -> inputs in one line, of these test rows; empty where the model task is not installed any more."""
    data = Artifact.open(folder)
    if not ids or not isinstance(data, Dataset) or "test" not in data.splits:
        return {}
    try:
        task = catalog.model_task(data.model_task)
    except (SlmworksError, ImportError):
        return {}
    found: dict[str, str] = {}
    for row in _rows(data.file("test"), set(ids), ["id", *task.inputs]):
        found[str(row["id"])] = task.text(row)
        if len(found) == len(set(ids)):
            break
    return found


def _rows(path: Path, ids: Collection[str], columns: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    # without these a whole column of a row group is fetched before its first rows are seen
    with pq.ParquetFile(path, buffer_size=2**16, pre_buffer=False) as file:
        for batch in file.iter_batches(AT_ONCE, columns=list(dict.fromkeys(columns)), use_threads=False):
            names = batch.column("id").to_pylist()  # `pyarrow.array` would import pandas
            for place in (place for place, name in enumerate(names) if str(name) in ids):
                yield from batch.slice(place, 1).to_pylist()
