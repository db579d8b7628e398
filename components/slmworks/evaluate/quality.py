"""Quality of a classifier, measured through the runtime that will serve it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import PositiveInt

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.evaluate import Evaluate, comparison, predictions
from slmworks.evaluate.about import about, model_name
from slmworks.evaluate.predictions import Rows
from slmworks.model_tasks.text_classification import measures, trivial
from slmworks.model_tasks.text_classification.calibration import calibration

if TYPE_CHECKING:
    from slmworks.contract.runtime import Runtime

__all__ = ["ClassifierQuality"]

SPLITS = ("validation", "test")
"""A candidate is chosen on the first and decided on the second."""


class ClassifierQuality(Evaluate):
    """Accuracy, macro-F1 and calibration, per class and slice, paired with a baseline row by row.

    Holds no timings, so that the same model gives the same report. 95 % intervals: Wilson (1927) for
    accuracy, bootstrap (Efron & Tibshirani, 1993; Rubin, 1981) for macro-F1 and retention; difference:
    exact McNemar test (1947); calibration: expected calibration error (Guo et al., 2017).
    """

    accepts: ClassVar = {"model": ("hf", "onnx")}
    tasks: ClassVar = ("classification",)
    runs_in: ClassVar = "slmworks-torch"  # the teacher is a torch model
    max_threads: ClassVar = 1
    predicts: ClassVar = True
    # Not the CPU: the last digits of a logit differ between processors, answers hardly ever do, and a
    # report should be found again on another machine.
    depends_on: ClassVar = ("onnxruntime", "scikit-learn", "tokenizers", "torch")

    batch_size: PositiveInt = 32
    """Rows that are computed together, sorted by length."""
    resamples: PositiveInt = 1000
    """Bootstrap resamples for each interval."""
    trivial: bool = True
    """Without a baseline: also judge majority and TF-IDF + linear, to know what a language model adds."""
    slices: bool = True
    """Report accuracy for every value of the column `source` too."""

    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task) -> Report:
        """Write `report.json` and `predictions.parquet` for the splits validation and test."""
        from slmworks.contract.runtime import open_runtime

        _require_same_labels(model, data)
        texts = {split: _labelled(data, split) for split in SPLITS}
        _require_comparable(baseline)
        judged = self._judge(open_runtime(model, threads=task.threads), texts, task)
        if baseline is None and self.trivial:
            judged = _with_trivial(judged, texts, data, task)
        predictions.write(task.output, judged)
        report = self._report(model, judged, texts, baseline, task)
        text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
        (task.output / "report.json").write_text(text, encoding="utf-8")
        refs = {"model": model.digest, "data": data.digest}
        if baseline is not None:
            refs["baseline"] = baseline.digest
        return Report(
            path=task.output, meta={"type": "classification"}, refs=refs, summary=_summary(report["splits"])
        )

    def _judge(
        self, runtime: "Runtime", texts: Mapping[str, Mapping[str, list[str]]], task: Task
    ) -> list[Rows]:
        total = sum(len(columns["id"]) for columns in texts.values())
        done, judged = 0, []
        for split, columns in texts.items():
            logits = self._logits(runtime, columns["text"], task, done, total, split)
            judged.append(_rows(split, columns, logits, runtime.labels))
            done += len(columns["id"])
        return judged

    def _logits(
        self, runtime: "Runtime", texts: list[str], task: Task, before: int, total: int, note: str
    ) -> Any:
        import numpy as np

        found = np.zeros((len(texts), len(runtime.labels)), np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]), reverse=True)
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            found[rows] = runtime.logits([texts[i] for i in rows])
            task.progress(before + start + len(rows), total, note=note)
        return found

    def _report(
        self,
        model: Model,
        judged: Sequence[Rows],
        texts: Mapping[str, Mapping[str, list[str]]],
        baseline: Report | None,
        task: Task,
    ) -> dict[str, Any]:
        report: dict[str, Any] = {
            "type": "classification",
            "name": model_name(model),
            "labels": model.labels,
            "model": about(model),
            "splits": {rows.split: self._scores(rows, rows.predicted, model.labels, task) for rows in judged},
        }
        if judged[0].others:
            report["trivial"] = {
                name: {
                    rows.split: self._scores(rows, rows.others[name], model.labels, task) for rows in judged
                }
                for name in judged[0].others
            }
        if baseline is not None:
            report["baseline"] = {"model": baseline.refs["model"], "name": baseline.read()["name"]}
            for rows in judged:
                compared = comparison.Comparison.of(rows, predictions.read(baseline.path, rows.split))
                numbers = compared.numbers(resamples=self.resamples, seed=task.seed)
                report["splits"][rows.split]["against"] = numbers
                if rows.split == "test":
                    report["examples"] = compared.examples(texts["test"]["text"])
        return report

    def _scores(
        self, rows: Rows, predicted: Sequence[str], labels: Sequence[str], task: Task
    ) -> dict[str, Any]:
        found = measures.scores(rows.truth, predicted, labels, resamples=self.resamples, seed=task.seed)
        if predicted is rows.predicted:
            found["calibration"] = calibration(rows, labels)
            if self.slices:
                found["slices"] = measures.slices(rows)
        return found


def _require_same_labels(model: Model, data: Dataset) -> None:
    if set(model.labels) != set(data.labels):
        raise BadRequest(
            f"the model answers {', '.join(model.labels)}, the data is labelled {', '.join(data.labels)}; "
            "evaluate it on data with its own labels."
        )


def _require_comparable(baseline: Report | None) -> None:
    if baseline is not None and baseline.meta.get("type") != "classification":
        raise BadRequest(
            f"the baseline is a report of type '{baseline.meta.get('type')}'; "
            "give `baseline` a step that evaluates with classifier."
        )


def _labelled(data: Dataset, split: str) -> dict[str, list[str]]:
    names = ("id", "text", "label", "source")
    columns = dict(zip(names, data.columns(split, *names), strict=True))
    if not columns["id"]:
        raise BadRequest(f"the data's split '{split}' has no rows; make it larger in the curate step.")
    strange = sorted({str(label) for label in columns["label"]} - set(data.labels))
    if strange:
        raise BadRequest(
            f"the data's split '{split}' has the label '{strange[0]}', which is not among its labels "
            f"({', '.join(data.labels)}); curate it again."
        )
    columns["source"] = [source or "" for source in columns["source"]]
    return columns


def _rows(split: str, columns: Mapping[str, list[str]], logits: Any, labels: Sequence[str]) -> Rows:
    from slmworks.model_tasks.text_classification.onnx import softmax

    return Rows(
        split=split,
        ids=columns["id"],
        truth=columns["label"],
        predicted=[labels[i] for i in logits.argmax(axis=1)],
        sources=columns["source"],
        probabilities=softmax(logits),
        others={},
    )


def _with_trivial(
    judged: Sequence[Rows], texts: Mapping[str, Mapping[str, list[str]]], data: Dataset, task: Task
) -> list[Rows]:
    task.progress(0, 1, unit="fits", note="trivial baselines")
    train = _labelled(data, "train")
    fitted = trivial.fit(train["text"], train["label"], seed=task.seed)
    task.progress(1, 1, unit="fits", note="trivial baselines")
    return [
        replace(rows, others={name: one.answer(texts[rows.split]["text"]) for name, one in fitted.items()})
        for rows in judged
    ]


def _summary(splits: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "accuracy": round(splits["test"]["accuracy"]["value"], 4),
        "macro_f1": round(splits["test"]["macro_f1"]["value"], 4),
        "n": splits["test"]["n"],
        "validation_accuracy": round(splits["validation"]["accuracy"]["value"], 4),
    }
    against = splits["test"].get("against")
    if against:
        found["kept"] = round(against["retention"]["value"], 4)
        found["kept_at_least"] = round(against["retention"]["bound"], 4)
    return found
