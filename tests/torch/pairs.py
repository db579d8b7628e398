"""Pairs that a toy learns in seconds: the same greeting in two styles, of which the polite one is chosen."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from orders import SCHEMA, row

from slmworks.contract.artifact import Dataset
from slmworks.testing import sealed

NAMES = ("Ann", "Bob", "Cy", "Dee", "Eve", "Fay", "Gus", "Hal", "Ida", "Jo")
PLACES = ("shop", "bank", "park", "zoo", "inn", "spa", "gym")


def pair(number: int) -> dict[str, Any]:
    name, place = NAMES[number % 10], PLACES[number // 10 % 7]
    asked = [("user", f"I am {name}. Where is the {place}?")]
    polite, rude = f"Dear {name}, please go left.", f"Go left, {name}!"
    return {**row(asked, polite), "rejected": rude}


def paired(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    schema = SCHEMA.append(pa.field("rejected", pa.string()))
    for split, rows in splits.items():
        named = [{"id": f"{split}-{n}", "source": "toy", **one} for n, one in enumerate(rows)]
        pq.write_table(pa.Table.from_pylist(named, schema=schema), folder / f"{split}.parquet")
    (folder / "card.json").write_text("{}\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def styles(folder: Path, train: int = 40, validation: int = 16) -> Dataset:
    rows = [pair(number) for number in range(train + validation)]
    return paired(folder, train=rows[:train], validation=rows[train:], test=rows[-8:])
