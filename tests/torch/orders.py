"""Conversations that a toy learns in seconds: how many people book a table, and when, as JSON."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from slmworks.contract.artifact import Dataset
from slmworks.testing import sealed

TURN = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [("id", pa.string()), ("source", pa.string()), ("messages", pa.list_(TURN)), ("completion", pa.string())]
)
ASK = ("Book a table for {n} at {t}.", "We are {n}, coming at {t}.", "Dinner for {n}? {t} would suit.")


def order(number: int) -> dict[str, Any]:
    people, time = 2 + number % 7, f"{17 + number % 5}:{number % 4 * 15:02}"
    asked = ASK[number % 3].format(n=people, t=time)
    return row([("user", asked)], json.dumps({"people": people, "time": time}))


def row(turns: list[tuple[str, str]], completion: str | None) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": text} for role, text in turns], "completion": completion}


def mirrored(folder: Path, texts: list[str], **meta: str) -> Dataset:
    """Training rows alone: each text is answered by itself from its end."""
    rows = dataset(folder, train=[row([("user", text)], text[::-1]) for text in texts])
    return sealed(Dataset(path=folder, meta={**rows.meta, **meta}))


def questions(count: int) -> list[str]:
    """Texts for `mirrored`."""
    return [f"Question {number}: what is {number} of {number * 7}?" for number in range(count)]


def dataset(folder: Path, **splits: list[dict[str, Any]]) -> Dataset:
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        named = [{"id": f"{split}-{n}", "source": "toy", **one} for n, one in enumerate(rows)]
        pq.write_table(pa.Table.from_pylist(named, schema=SCHEMA), folder / f"{split}.parquet")
    (folder / "card.json").write_text("{}\n")
    return sealed(Dataset(path=folder, meta={"task": "text-generation"}))


def orders(folder: Path, train: int = 60, validation: int = 12) -> Dataset:
    rows = [order(number) for number in range(train + validation)]
    return dataset(folder, train=rows[:train], validation=rows[train:])
