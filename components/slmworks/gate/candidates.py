"""Reports, grouped by the model they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slmworks.artifact import Report
from slmworks.errors import BadRequest
from slmworks.evaluate import comparison, predictions
from slmworks.stage import Task
from slmworks.statistics import Outcomes


@dataclass(frozen=True)
class Baseline:
    """What candidates are compared with, and the trivial models that were judged beside it."""

    report: Report

    @property
    def model(self) -> str:
        """Digest of the model."""
        return self.report.refs["model"]

    @cached_property
    def said(self) -> dict[str, Any]:
        """The content of its report."""
        return self.report.read()

    def answers(self, split: str) -> predictions.Rows:
        """Its answers, row by row."""
        return predictions.read(self.report.path, split)


@dataclass(frozen=True)
class Candidate:
    """A model that was judged beside a baseline."""

    name: str
    report: Report
    baseline: Baseline
    speed: Mapping[str, Any] | None
    """The content of its speed report, if there is one."""

    @property
    def model(self) -> str:
        """Digest of the model."""
        return self.report.refs["model"]

    @cached_property
    def said(self) -> dict[str, Any]:
        """The content of its classification report."""
        return self.report.read()

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return int(self.said["model"]["bytes"])

    @property
    def smaller(self) -> float:
        """How many times smaller than the baseline on disk."""
        return float(self.baseline.said["model"]["bytes"] / max(self.bytes, 1))

    def pairs(self, split: str) -> Outcomes:
        """Answers paired with the baseline's, row by row."""
        return comparison.outcomes(predictions.read(self.report.path, split), self.baseline.answers(split))

    def pairs_with(self, trivial: str, split: str) -> Outcomes:
        """Answers paired with those of a trivial model."""
        ours = predictions.read(self.report.path, split)
        theirs = comparison.paired(ours, self.baseline.answers(split))
        right = [a == b for a, b in zip(theirs.truth, theirs.others[trivial], strict=True)]
        return Outcomes.of(ours.right, right)


def candidates(reports: Sequence[Report], task: Task) -> list[Candidate]:
    """Every model with a classification report that has a baseline, by name; BadRequest if none has."""
    judged = [report for report in reports if _type(report) == "classification"]
    compared = {report.refs["model"]: report for report in judged if "baseline" in report.refs}
    if not compared:
        raise BadRequest(
            "no report compares a model with a baseline; give the gate an evaluate step that has "
            "`baseline:` in its `from`."
        )
    baseline = _baseline(list(compared.values()), task)
    if len({report.refs["data"] for report in [*judged, baseline.report]}) > 1:
        raise BadRequest("the reports were measured on different data; evaluate all models on the same data.")
    speeds = {report.refs["model"]: report.read() for report in reports if _type(report) == "speed"}
    names = _names({model: str(report.read()["name"]) for model, report in compared.items()})
    found = [
        Candidate(names[model], report, baseline, speeds.get(model)) for model, report in compared.items()
    ]
    return sorted(found, key=lambda one: one.name)


def _type(report: Report) -> str:
    kind = str(report.meta.get("type", ""))
    if kind not in ("classification", "speed"):
        raise BadRequest(
            f"the gate paired-bootstrap reads reports of type classification and speed, not '{kind}'; "
            "leave that step out of its reports."
        )
    return kind


def _baseline(compared: Sequence[Report], task: Task) -> Baseline:
    if len({report.refs["baseline"] for report in compared}) > 1:
        raise BadRequest(
            "the candidates were compared with different baselines; give all of them the same `baseline:`."
        )
    return Baseline(task.fetch(compared[0], "baseline", Report))


def _names(wanted: Mapping[str, str]) -> dict[str, str]:
    """Model -> name; where two models have one name, the start of the digest tells them apart."""
    taken = list(wanted.values())
    return {
        model: name if taken.count(name) == 1 else f"{name} {model[:6]}" for model, name in wanted.items()
    }
