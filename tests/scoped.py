"""A classifier that counts words and knows its scope: data of words that it knows, and of others."""

import dataclasses
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from releases import LABELS, WORDS, word_counter
from slmworks.contract.artifact import Dataset, Model
from slmworks.export.scope import ChooseScope
from slmworks.testing import Bench, sealed

UNKNOWN = ["weather in paris", "my mail is ada@example.org", "what a plain day in the sun it is"]
SCHEMA = pa.schema([(name, pa.string()) for name in ("id", "text", "label", "source")])


def questions(folder: Path, *, rows: int = 60, outside: int = 40) -> Dataset:
    """Texts of the words that the classifier knows; of every ten, one of a single word, which is less sure."""
    folder.mkdir(parents=True)
    for split in ("train", "validation", "test"):
        found = [row(split, number) for number in range(rows)]
        pq.write_table(pa.Table.from_pylist(found, schema=SCHEMA), folder / f"{split}.parquet")
        if outside and split != "train":
            strange = [
                {"id": f"o{split}{i}", "text": UNKNOWN[i % 3], "label": None, "source": "web"}
                for i in range(outside)
            ]
            table = pa.Table.from_pylist(strange, schema=SCHEMA)
            pq.write_table(table, folder / f"out_of_scope_{split}.parquet")
    return sealed(Dataset(path=folder, meta={"task": "classification", "labels": LABELS}))


def row(split: str, number: int) -> dict[str, str]:
    label = LABELS[number % 3]
    words = " ".join(WORDS[label] * (2 if number % 10 else 1))
    return {"id": f"{split}{number:03}", "text": f"{words} {number}", "label": label, "source": "web"}


def scoped(folder: Path, model: Model | None = None, data: Dataset | None = None, **options: Any) -> Model:
    """The model (default: the counter of words) with a threshold chosen on the data's validation."""
    model = model or word_counter(folder / "plain")
    task = dataclasses.replace(Bench(folder).task("scope"))
    made = ChooseScope(**options).run(
        model=model, calibration=data or questions(folder / "questions"), task=task
    )
    return sealed(made)
