"""Steps of `span-extraction`: files to rows, and rows to word weights."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

from pydantic import PositiveInt

from slmworks import Curate, Dataset, Files, Finetune, Model, Task


class CurateSpans(Curate):
    """Read CSV files with the columns question, context and answer."""

    deterministic: ClassVar[bool] = True
    makes_model_task: ClassVar[str] = "span-extraction"

    def run(self, *, data: Files, task: Task, **_: object) -> Dataset:
        """Write one Parquet file a split."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        for split in data.names:
            found = []
            for path in sorted(data.folder(split).iterdir()):
                with path.open(encoding="utf-8", newline="") as file:
                    found += list(csv.DictReader(file))
            rows = [
                {"id": f"{split}-{i}", "source": row["context"][:3], **row} for i, row in enumerate(found)
            ]
            pq.write_table(pa.Table.from_pylist(rows), task.output / f"{split}.parquet")
        return Dataset(path=task.output, meta={"task": "span-extraction"})


class LearnWords(Finetune):
    """Weigh words by how rarely they occur in contexts."""

    words: PositiveInt = 1000
    """The most frequent words that get a weight; the others weigh 1."""
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    produces: ClassVar[str] = "words"
    makes_model_task: ClassVar[str] = "span-extraction"
    deterministic: ClassVar[bool] = True

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Count the words of `train`."""
        contexts = [row["context"] for row in data.rows("train", "context")]
        counts = Counter(word for text in contexts for word in set(re.findall(r"\w+", text.lower())))
        weights = {word: 1 - count / (len(contexts) + 1) for word, count in counts.most_common(self.words)}
        (task.output / "words.json").write_text(json.dumps(weights, sort_keys=True), encoding="utf-8")
        meta = {"task": "span-extraction", "parameters": len(weights)}
        return Model(path=task.output, format="words", meta=meta, summary={"words": len(weights)})
