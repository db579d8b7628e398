"""Reports as the evaluate steps write them, of models whose every answer is given."""

import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.model_task import Answer, ModelTask, Row, Trivial
from slmworks.evaluate import answering, quality
from slmworks.testing import Bench

LABELS = ["negative", "neutral", "positive"]
SPLITS = ("validation", "test")


class Given:
    """A runtime whose answers are known, by text."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self.answers = answers

    def answer(self, rows: list[Row]) -> list[Answer]:
        return [self.answers[row["text"]] for row in rows]


def evaluated(
    bench: Bench,
    task: ModelTask,
    model: str,
    rows: dict[str, list[Row]],
    answers: dict[str, list[Answer]],
    *,
    name: str = "hf",
    size: int = 1_000_000,
    baseline: Report | None = None,
    trivial: dict[str, dict[str, list[Answer]]] | None = None,
    data: str = "d" * 64,
    meta: dict[str, Any] | None = None,
    splits: tuple[str, ...] = SPLITS,
    measure: str | None = None,
) -> Report:
    """The report of the plugin `quality` on a model (its digest) that gives these answers to these rows."""
    header = {"task": task.in_headers, **(meta or {})}
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    for split in SPLITS:
        pq.write_table(pa.Table.from_pylist(rows[split]), folder / f"{split}.parquet")
    known = {key: Trivial(Given(_by_text(rows, found)).answer, 120) for key, found in (trivial or {}).items()}
    of = {"format": "hf", "parameters": 10, "bytes": size}
    with (
        mock.patch.object(answering, "open_runtime", return_value=Given(_by_text(rows, answers))),
        mock.patch.object(quality, "about", return_value=of),
        mock.patch.object(quality, "model_name", return_value=name),
        mock.patch.object(type(task), "trivial", return_value=known),
    ):
        report = quality.Quality(trivial=bool(known), splits=splits, measure=measure).run(
            model=Model(path=folder, meta=header, digest=model),
            baseline=baseline,
            data=Dataset(path=folder, meta=header, digest=data),
            task=bench.task(f"report-{folder.name}"),
        )
    return bench.keep(report)


def _by_text(rows: dict[str, list[Row]], answers: dict[str, list[Answer]]) -> dict[str, Answer]:
    return {
        row["text"]: answer
        for split in SPLITS
        for row, answer in zip(rows[split], answers[split], strict=True)
    }


def row(split: str, i: int) -> Row:
    """Row i is truly of class i % 3."""
    return {
        "id": f"{split}-{i}",
        "text": f"text <b>{split}-{i}</b>",
        "source": "shop" if i % 2 else "web",
        "label": LABELS[i % 3],
    }


def answers(right: list[bool]) -> list[Answer]:
    """An answer is 70 % sure; a wrong one is the next class."""
    said = [LABELS[(i + (not ok)) % 3] for i, ok in enumerate(right)]
    return [
        {"label": one, "score": 0.7, "scores": {label: 0.7 if label == one else 0.15 for label in LABELS}}
        for one in said
    ]


def first(n: int, right: int, *, but: int = 0) -> list[bool]:
    """`n` rows of which the first `right` are answered right, except the first `but`."""
    return [but <= i < right for i in range(n)]


TEACHER, SMALL = "1" * 64, "2" * 64
RIGHT = {"validation": first(300, 240), "test": first(400, 320)}


def quality_report(
    bench: Bench,
    model: str,
    right: dict[str, list[bool]],
    *,
    trivial: dict[str, dict[str, list[bool]]] | None = None,
    **known: Any,
) -> Report:
    """The report on a text classifier; `right` says for each split which rows are answered right."""
    labels_only = {
        key: {split: [{"label": one["label"]} for one in answers(ok[split])] for split in SPLITS}
        for key, ok in (trivial or {}).items()
    }
    return evaluated(
        bench,
        catalog.model_task("text-classification"),
        model,
        {split: [row(split, i) for i in range(len(right[split]))] for split in SPLITS},
        {split: answers(right[split]) for split in SPLITS},
        trivial=labels_only,
        meta={"labels": LABELS},
        **known,
    )


def speed_report(
    bench: Bench,
    model: str,
    baseline: Report | None,
    *,
    speedup: tuple[float, float, float] = (6.1, 5.8, 6.4),
    data: str = "e" * 64,
    busy: str = "",
    p95: float = 1.9,
) -> Report:
    """A speed report with the given ratio (value, low, high) at batch 1."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    one = {"p50_ms": 1.25, "p95_ms": p95, "rows_s": 1240.0, "bytes": 1, "memory": 182_000_000, "load_s": 0.2}
    one["cpu_ms"] = 1.5
    ratio = dict(zip(("value", "low", "high"), speedup, strict=True))
    said: dict[str, Any] = {
        "type": "speed",
        "name": "onnx",
        "machine": {"cpu": "A & B", "threads": 1, "versions": {"onnxruntime": "1.32.0"}},
        "batch_size": 32,
        "rounds": 12,
        "surroundings": {"cores": 2, "busy": busy, "rounds": []},
        "model": one,
        "trivial": {"majority": one | {"bytes": 120}, "tf-idf + linear": one},
    }
    refs = {"model": model, "data": data}
    if baseline is not None:
        refs["baseline"] = baseline.digest
        teacher = one | {"p50_ms": 1.25 * speedup[0], "rows_s": 1240.0 / speedup[0]}
        teacher["cpu_ms"] = 1.5 * speedup[0]
        teacher |= {"name": "hf", "digest": baseline.refs["model"]}
        said |= {"baseline": teacher, "speedup": ratio, "throughput": ratio, "smaller": 4.0}
    (folder / "report.json").write_text(json.dumps(said))
    return bench.keep(Report(path=folder, meta={"type": "speed"}, refs=refs))
