"""Steps that take milliseconds and write files one can read."""

import json
import os
import time
from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field, NonNegativeFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Files, Model, Report, Selection, Verdict
from slmworks.contract.stage import Task
from slmworks.curate import Curate
from slmworks.distill import Distill
from slmworks.evaluate import Evaluate
from slmworks.finetune import Finetune
from slmworks.gate import Gate
from slmworks.quantize import Quantize
from slmworks.select import Select
from slmworks_toy.words import GREETING


class ToyCurate(Curate):
    """Copies lines into splits."""

    deterministic: ClassVar[bool] = True

    def run(self, *, data: Files, task: Task, **_: object) -> Dataset:
        """One 'Parquet' file a split: text is enough here."""
        for split in ("train", "validation", "test"):
            text = "".join(p.read_text() for p in sorted(data.path.rglob(f"{split}*.csv")))
            (task.output / f"{split}.parquet").write_text(text)
        return Dataset(path=task.output, meta={"labels": ["a", "b"]}, summary={"rows": 3})


class ToyFinetune(Finetune):
    """Counts what it was shown."""

    epochs: PositiveInt = 2
    """How often."""
    rate: float = Field(default=0.1, gt=0, lt=1)
    """How fast."""
    seconds: NonNegativeFloat = 0.0
    """How long to take."""
    fail: bool = False
    """Fail in the middle."""
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-classification"
    deterministic: ClassVar[bool] = True

    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Writes what it saw, so that a test can read it."""
        for epoch in range(self.epochs):
            task.progress(epoch, self.epochs, unit="epochs")
            task.log(epoch, loss=1.0 / (1 + epoch))
            time.sleep(self.seconds / self.epochs)
            if self.fail:
                raise RuntimeError("the optimizer exploded")
        seen = {split: data.file(split).read_text() for split in data.splits}
        (task.output / "seen.json").write_text(
            json.dumps({"seen": seen, "word": GREETING, "rate": self.rate})
        )
        return Model(
            path=task.output, format="hf", meta={"task": "classification", "labels": data.meta["labels"]}
        )


class ToyDistill(Distill):
    """Writes half of what the teacher knows."""

    layers: tuple[int, ...] = (0,)
    """Which layers to keep."""
    note: str | None = None
    """A remark."""
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",)}
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    deterministic: ClassVar[bool] = True

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Uses a shared intermediate result."""
        shared = task.share(
            "logits",
            inputs={"teacher": teacher, "data": data},
            options={},
            build=lambda folder: (folder / "logits.txt").write_text(f"made by {os.getpid()}") and None,
        )
        assert (shared.path / "logits.txt").exists()
        (task.output / "student.json").write_text(json.dumps(list(self.layers)))
        return Model(path=task.output, format="hf", meta=dict(teacher.meta))


class ToyQuantize(Quantize):
    """Rounds."""

    bits: PositiveInt = 8
    """How many."""
    produces: ClassVar[str] = "onnx"
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"calibration": ("train",)}
    needs: ClassVar[frozenset[str]] = frozenset({"calibration"})
    deterministic: ClassVar[bool] = True

    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Writes the bits."""
        assert calibration is not None
        assert calibration.splits == ("train",)
        (task.output / "model.onnx").write_text(str(self.bits))
        return Model(path=task.output, format="onnx", meta={**model.meta, "bits": self.bits})


class ToyOnnxOnly(Quantize):
    """Takes ONNX and nothing else."""

    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("onnx",)}
    ignores: ClassVar[frozenset[str]] = frozenset({"calibration"})
    produces: ClassVar[str] = "onnx"

    def run(self, *, model: Model, task: Task, **rest: object) -> Model:
        """Copies."""
        assert not rest
        (task.output / "model.onnx").write_text("onnx")
        return Model(path=task.output, format="onnx", meta=dict(model.meta))


class ToyEvaluate(Evaluate):
    """Gives every model a mark."""

    deterministic: ClassVar[bool] = True

    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task, **_: object) -> Report:
        """A mark."""
        quality = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
        report = {"type": "classification", "splits": {"test": quality}}
        (task.output / "report.json").write_text(json.dumps(report))
        refs = {"model": model.digest, "data": data.digest}
        return Report(path=task.output, refs=refs, lasting="TOY_MOMENT" not in os.environ)


class ToySelect(Select):
    """Lets the first ones go on."""

    keep: PositiveInt = 1
    """How many."""
    deterministic: ClassVar[bool] = True

    def run(self, *, reports: Sequence[Report], task: Task) -> Selection:
        """In the order in which they came."""
        models = list(dict.fromkeys(report.refs["model"] for report in reports))
        on, off = models[: self.keep], models[self.keep :]
        rows = [{"model": one, "goes_on": one in on} for one in models]
        (task.output / "selection.json").write_text(json.dumps({"rows": rows}))
        stopped = {one: f"number {models.index(one) + 1}" for one in off}
        return Selection(path=task.output, meta={"goes_on": on, "stopped": stopped})


class ToyGate(Gate):
    """Lets through what it is told to."""

    allow: bool = True
    """Whether to."""
    deterministic: ClassVar[bool] = True

    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None,
        references: Sequence[Report] | None,
        task: Task,
    ) -> Verdict:
        """Chooses the first."""
        sentence = "passed" if self.allow else "refused: 3 points short"
        verdict = {"passed": self.allow, "sentence": sentence, "models": [r.refs["model"] for r in reports]}
        (task.output / "verdict.json").write_text(json.dumps(verdict))
        return Verdict(
            path=task.output, meta={"passed": self.allow}, refs={"model": reports[0].refs["model"]},
            summary={"sentence": sentence},
        )  # fmt: skip
