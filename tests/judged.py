"""Reports as the evaluate steps write them, of models whose every answer is given."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from slmworks.contract.artifact import Report
from slmworks.evaluate import comparison, predictions
from slmworks.model_tasks.text_classification import measures
from slmworks.model_tasks.text_classification.calibration import calibration
from slmworks.testing import Bench

LABELS = ["negative", "neutral", "positive"]
SPLITS = ("validation", "test")


def answers(split: str, right: list[bool]) -> predictions.Rows:
    """Row i is truly of class i % 3; a wrong answer is the next class."""
    truth = [i % 3 for i in range(len(right))]
    said = [t if ok else (t + 1) % 3 for t, ok in zip(truth, right, strict=True)]
    probabilities = np.full((len(right), 3), 0.15, np.float32)
    probabilities[np.arange(len(right)), said] = 0.7
    return predictions.Rows(
        split=split,
        ids=[f"{split}-{i}" for i in range(len(right))],
        truth=[LABELS[t] for t in truth],
        predicted=[LABELS[s] for s in said],
        sources=["shop" if i % 2 else "web" for i in range(len(right))],
        probabilities=probabilities,
        others={},
    )


def first(n: int, right: int, *, but: int = 0) -> list[bool]:
    """`n` rows of which the first `right` are answered right, except the first `but`."""
    return [but <= i < right for i in range(n)]


def quality_report(
    bench: Bench,
    model: str,
    right: dict[str, list[bool]],
    *,
    name: str = "hf",
    size: int = 1_000_000,
    baseline: Report | None = None,
    trivial: dict[str, dict[str, list[bool]]] | None = None,
    data: str = "d" * 64,
) -> Report:
    """A classification report; `right` says for each split which rows are answered right."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    rows = [answers(split, right[split]) for split in SPLITS]
    for one in rows:
        one.others.update(
            {key: answers(one.split, ok[one.split]).predicted for key, ok in (trivial or {}).items()}
        )
    predictions.write(folder, rows)
    said: dict[str, Any] = {
        "type": "classification",
        "name": name,
        "labels": LABELS,
        "model": {"format": "hf", "parameters": 10, "bytes": size},
        "splits": {
            one.split: scores(one, one.predicted)
            | {"slices": measures.slices(one), "calibration": calibration(one, LABELS)}
            for one in rows
        },
    }
    refs = {"model": model, "data": data}
    if trivial:
        said["trivial"] = {key: {one.split: scores(one, one.others[key]) for one in rows} for key in trivial}
    if baseline is not None:
        refs["baseline"] = baseline.digest
        for one in rows:
            compared = comparison.Comparison.of(one, predictions.read(baseline.path, one.split))
            said["splits"][one.split]["against"] = compared.numbers(resamples=1000, seed=0)
        said["examples"] = compared.examples([f"text <b>{i}</b>" for i in rows[-1].ids])
    return _keep(bench, folder, said, refs)


def scores(rows: predictions.Rows, predicted: list[str]) -> dict[str, Any]:
    """As in a report."""
    return measures.scores(rows.truth, predicted, LABELS, resamples=200, seed=0)


def speed_report(
    bench: Bench,
    model: str,
    baseline: Report | None,
    *,
    speedup: tuple[float, float, float] = (6.1, 5.8, 6.4),
    data: str = "e" * 64,
) -> Report:
    """A speed report with the given ratio (value, low, high) at batch 1."""
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    one = {"p50_ms": 1.25, "p95_ms": 1.9, "rows_s": 1240.0, "bytes": 1, "memory": 182_000_000, "load_s": 0.2}
    ratio = dict(zip(("value", "low", "high"), speedup, strict=True))
    said: dict[str, Any] = {
        "type": "speed",
        "name": "onnx",
        "machine": {"cpu": "A & B", "threads": 1, "versions": {"onnxruntime": "1.32.0"}},
        "batch_size": 32,
        "rounds": 12,
        "model": one,
        "trivial": {"majority": one | {"bytes": 120}, "tf-idf + linear": one},
    }
    refs = {"model": model, "data": data}
    if baseline is not None:
        refs["baseline"] = baseline.digest
        teacher = one | {"p50_ms": 1.25 * speedup[0], "rows_s": 1240.0 / speedup[0]}
        teacher |= {"name": "hf", "digest": baseline.refs["model"]}
        said |= {"baseline": teacher, "speedup": ratio, "throughput": ratio, "smaller": 4.0}
    return _keep(bench, folder, said, refs)


def _keep(bench: Bench, folder: Path, said: dict[str, Any], refs: dict[str, str]) -> Report:
    (folder / "report.json").write_text(json.dumps(said))
    return bench.keep(Report(path=folder, meta={"type": said["type"]}, refs=refs))
