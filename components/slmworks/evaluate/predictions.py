"""`predictions.parquet`: how every judged row was answered, so that models can be compared row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FILE = "predictions.parquet"


@dataclass(frozen=True)
class Rows:
    """The judged rows of one split, column by column."""

    split: str
    ids: list[str]
    truth: list[str]
    predicted: list[str]
    sources: list[str]
    probabilities: "np.ndarray[Any, Any]"
    """float32 [rows, labels]"""
    others: dict[str, list[str]]
    """Name of a trivial baseline -> its answers."""

    @cached_property
    def right(self) -> list[bool]:
        """For each row, whether it was answered right."""
        return [a == b for a, b in zip(self.truth, self.predicted, strict=True)]

    @cached_property
    def surety(self) -> list[float]:
        """For each row, the probability of the label that was answered."""
        return [float(p) for p in self.probabilities.max(axis=1)]


def write(folder: Path, splits: Sequence[Rows]) -> None:
    """One row a judged text; probabilities in the order of the model's labels, to 4 decimals."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for rows in splits:
        probabilities = rows.probabilities.round(4)
        columns: dict[str, Any] = {
            "split": [rows.split] * len(rows.ids),
            "id": rows.ids,
            "label": rows.truth,
            "predicted": rows.predicted,
            "probability": pa.array(probabilities.max(axis=1), pa.float32()),
            "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
            "source": pa.array(rows.sources, pa.string()),
        }
        tables.append(pa.table(columns | rows.others))
    pq.write_table(pa.concat_tables(tables), folder / FILE, compression="zstd")


def read(folder: Path, split: str) -> Rows:
    """The rows of one split, as `write` wrote them."""
    import numpy as np
    import pyarrow.parquet as pq

    # not `read_table`, whose datasets would import pandas
    table = pq.ParquetFile(folder / FILE).read()
    table = table.filter([name == split for name in table.column("split").to_pylist()])
    known = {"split", "id", "label", "predicted", "probability", "probabilities", "source"}
    text = {name: table.column(name).to_pylist() for name in table.column_names if name != "probabilities"}
    return Rows(
        split=split,
        ids=text["id"],
        truth=text["label"],
        predicted=text["predicted"],
        sources=text["source"],
        probabilities=np.array(table.column("probabilities").to_pylist(), np.float32),
        others={name: values for name, values in text.items() if name not in known},
    )
