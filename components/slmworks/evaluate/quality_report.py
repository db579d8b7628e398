"""What a quality report says, read in one place: no string keys of `report.json` anywhere else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slmworks.contract import catalog
from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Measure, ModelTask
from slmworks.evaluate import predictions
from slmworks.evaluate.comparison import Comparison
from slmworks.evaluate.model_report import ModelReport
from slmworks.evaluate.predictions import Judged

ALIKE = 1.02
"""Sizes on disk that are no further apart than this count as one size."""


@dataclass(frozen=True)
class QualityReport(ModelReport):
    """A report of type `quality`, and the rows that were judged."""

    @cached_property
    def model_task(self) -> ModelTask:
        """What the model was measured for."""
        return catalog.model_task(str(self.report.meta["task"]))

    @property
    def measure(self) -> Measure:
        """The measure that decides."""
        return self.model_task.measures[0]

    @property
    def name(self) -> str:
        """The model's short name."""
        return str(self.content["name"])

    @property
    def format(self) -> str:
        """The model's format."""
        return str(self.content["model"]["format"])

    @property
    def parameters(self) -> int | None:
        """The model's parameters; None if unknown."""
        found = self.content["model"]["parameters"]
        return None if found is None else int(found)

    @property
    def bytes(self) -> int | None:
        """The model's size on disk; None for a hosted one."""
        found = self.content["model"]["bytes"]
        return None if found is None else int(found)

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that were judged, `validation` before `test`."""
        return tuple(split for split in ("validation", "test") if split in self.content["splits"])

    def require(self, *splits: str) -> None:
        """BadRequest unless these splits were judged."""
        if missing := [split for split in splits if split not in self.splits]:
            raise BadRequest(
                f"the report on {self.name} judges {' and '.join(self.splits)} only, and {missing[0]} is "
                "needed too; leave `splits` out of its evaluate step, or that step out of the reports."
            )

    def split(self, split: str) -> Mapping[str, Any]:
        """`n`, `measures`, `limits`, `details`, `slices`, `against` of a split."""
        return dict(self.content["splits"][split])

    def measures(self, split: str = "test") -> Mapping[str, Mapping[str, float]]:
        """Measure -> value, low and high."""
        return dict(self.split(split)["measures"])

    def value(self, split: str = "test") -> float:
        """The deciding measure's value."""
        return float(self.measures(split)[self.measure.name]["value"])

    def limits(self, split: str = "test") -> Mapping[str, float]:
        """Name -> number that can be limited."""
        return dict(self.split(split).get("limits", {}))

    def against(self, baseline: str, split: str = "test") -> Mapping[str, Any]:
        """`retention`, `p`, `gained`, … beside the baseline of this digest; empty beside another."""
        if dict(self.content.get("baseline", {})).get("model") != baseline:
            return {}
        return dict(self.split(split).get("against", {}))

    @property
    def trivial(self) -> Mapping[str, Mapping[str, Any]]:
        """Trivial baseline -> split -> what `split` gives; empty where none was judged."""
        return dict(self.content.get("trivial", {}))

    @property
    def left_out(self) -> Mapping[str, str]:
        """Trivial baseline that could not be fitted -> why."""
        return dict(self.content.get("trivial_left_out", {}))

    def judged(self, split: str) -> Judged:
        """Its answers, row by row."""
        return predictions.read(self.report.path, split)

    def beside(self, other: "QualityReport", split: str) -> Comparison:
        """Its answers beside those of another model, paired by row."""
        return Comparison.of(self.judged(split), other.judged(split), self.measure)


def is_quality(report: Report) -> bool:
    """True for a report of type `quality`."""
    return report.meta.get("type") == "quality"


def of_model(reports: Sequence[Report], model: str, *, compared: bool = False) -> QualityReport | None:
    """The first quality report about a model, by digest; `compared`: one that has a baseline."""
    for report in reports:
        fits = is_quality(report) and report.refs.get("model") == model
        if fits and (not compared or "baseline" in report.refs):
            return QualityReport(report)
    return None
