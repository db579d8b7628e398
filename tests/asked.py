"""Questions about made-up households, with their answers in a context: a tiny network learns them in seconds."""

import json
import random
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.testing import sealed

NAMES = ["ada", "grace", "alan", "barbara", "edsger"]
THINGS = ["camera", "phone", "lamp", "keyboard", "kettle", "red lamp"]
PLACES = ["oslo", "lima", "paris", "new york"]
ROWS = {"train": 400, "validation": 60, "test": 60, "transfer": 60}


def asked(chance: random.Random, number: int) -> dict[str, Any]:
    """A question, its context and the answer: who bought what, and where."""
    name, thing, place = chance.choice(NAMES), chance.choice(THINGS), chance.choice(PLACES)
    parts = [f"the buyer was {name}", f"it was a {thing}", f"the shop is in {place}"]
    chance.shuffle(parts)
    context = f"{'. '.join(parts)}. {number}"
    question, answer = chance.choice(
        [("who bought it?", name), ("what was it?", thing), ("where was it?", place)]
    )
    before = {name: "was ", thing: "a ", place: "in "}[answer]
    start = context.index(before + answer) + len(before)
    return {"question": question, "context": context, "answers": [{"text": answer, "start": start}]}


def rows(count: int, seed: int = 5) -> list[dict[str, Any]]:
    """Different questions."""
    chance = random.Random(seed)
    return [asked(chance, number) for number in range(count)]


def dataset(folder: Path) -> Dataset:
    """Curated rows: train 400, validation 60, test 60 and unanswered transfer 60."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    answer = pa.struct([("text", pa.string()), ("start", pa.int32())])
    texts = [(name, pa.string()) for name in ("id", "question", "context")]
    schema = pa.schema([*texts, ("answers", pa.list_(answer)), ("source", pa.string())])
    all_rows = iter(rows(sum(ROWS.values())))
    for split, count in ROWS.items():
        found = [{"id": f"{split}-{i}", "source": "toy", **next(all_rows)} for i in range(count)]
        if split == "transfer":
            found = [{**row, "answers": None} for row in found]
        pq.write_table(pa.Table.from_pylist(found, schema=schema), folder / f"{split}.parquet")
    (folder / "card.json").write_text(json.dumps({"rows": ROWS}) + "\n")
    return sealed(Dataset(path=folder, meta={"task": "question-answering", "unanswerable": False}))
