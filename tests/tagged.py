"""Sentences with entities that a tiny network learns in seconds: people, and where they are."""

import json
import random
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.testing import sealed

LABELS = ["PERSON", "PLACE"]
FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara"]
LAST = ["Lovelace", "Hopper", "Turing"]
PLACES = ["Paris", "New York", "Oslo", "Lima"]
FRAMES = [
    "@P lives in @L.",
    "yesterday @P went to @L with @P",
    "is @P here?",
    "the train to @L is late",
    "nothing happened",
]
ROWS = {"train": 320, "validation": 60, "test": 60, "transfer": 60}


def sentence(chance: random.Random) -> dict[str, Any]:
    """A text and its entities."""
    text, entities = "", []
    for piece in chance.choice(FRAMES).split("@"):
        if text or piece[:1] in ("P", "L"):
            label = LABELS["PL".index(piece[0])]
            name = chance.choice(PLACES)
            if label == "PERSON":
                name = " ".join([chance.choice(FIRST), *chance.sample(LAST, chance.randrange(2))])
            entities.append({"start": len(text), "end": len(text) + len(name), "label": label})
            text += name + piece[1:]
        else:
            text = piece
    return {"text": text, "entities": entities}


def sentences(count: int, seed: int = 3) -> list[dict[str, Any]]:
    """Different texts with their entities."""
    chance, found = random.Random(seed), {}
    while len(found) < count:
        one = sentence(chance)
        one["text"] += f" {len(found)}"
        found[one["text"]] = one
    return list(found.values())


def dataset(folder: Path) -> Dataset:
    """Curated rows: train 320, validation 60, test 60 and unmarked transfer 60."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    entity = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    schema = pa.schema(
        [("id", pa.string()), ("text", pa.string()), ("entities", pa.list_(entity)), ("source", pa.string())]
    )
    rows = iter(sentences(sum(ROWS.values())))
    for split, count in ROWS.items():
        found = [{"id": f"{split}-{i}", "source": "toy", **next(rows)} for i in range(count)]
        if split == "transfer":
            found = [{**row, "entities": None} for row in found]
        pq.write_table(pa.Table.from_pylist(found, schema=schema), folder / f"{split}.parquet")
    (folder / "card.json").write_text(json.dumps({"rows": ROWS}) + "\n")
    return sealed(Dataset(path=folder, meta={"task": "token-classification", "labels": LABELS}))
