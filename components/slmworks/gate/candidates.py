"""Reports, grouped by the model they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.evaluate import comparison, predictions
from slmworks.numbers.statistics import Outcomes


@dataclass(frozen=True)
class Judged:
    """A model and the classification report about it: the baseline, or today's champion."""

    report: Report

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

    def answers(self, split: str) -> predictions.Rows:
        """Its answers, row by row."""
        return predictions.read(self.report.path, split)

    def beside(self, other: "Judged", split: str) -> comparison.Comparison:
        """Its answers beside those of another model, paired by row."""
        return comparison.Comparison.of(self.answers(split), other.answers(split))

    def pairs(self, other: "Judged", split: str) -> Outcomes:
        """How the rows were answered by it and by the other."""
        return comparison.outcomes(self.answers(split), other.answers(split))


@dataclass(frozen=True)
class Candidate(Judged):
    """A model that was judged beside a baseline."""

    name: str
    baseline: Judged
    speed: Mapping[str, Any] | None
    """The content of its speed report, if there is one."""

    @property
    def smaller(self) -> float:
        """How many times smaller than the baseline on disk."""
        return float(self.baseline.bytes / max(self.bytes, 1))

    def pairs_with(self, trivial: str, split: str) -> Outcomes:
        """Answers paired with those of a trivial model that was judged beside the baseline."""
        both = self.beside(self.baseline, split)
        right = [a == b for a, b in zip(both.theirs.truth, both.theirs.others[trivial], strict=True)]
        return Outcomes.of(both.ours.right, right)


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
    speeds = {
        report.refs["model"]: _speed(report, baseline) for report in reports if _type(report) == "speed"
    }
    names = _names({model: str(report.read()["name"]) for model, report in compared.items()})
    found = [
        Candidate(report, names[model], baseline, speeds.get(model)) for model, report in compared.items()
    ]
    return sorted(found, key=lambda one: one.name)


def champion_of(report: Report | None, found: Sequence[Candidate]) -> Judged | None:
    """Today's champion; BadRequest if it cannot be compared with the candidates."""
    if report is None:
        return None
    if _type(report) != "classification":
        raise BadRequest(
            "the champion is a report of type speed; give `champion` a step that evaluates with classifier."
        )
    if report.refs["data"] != found[0].report.refs["data"]:
        raise BadRequest(
            "the champion was measured on other data than the candidates; evaluate it on the same data."
        )
    return Judged(report)


def _type(report: Report) -> str:
    kind = str(report.meta.get("type", ""))
    if kind not in ("classification", "speed"):
        raise BadRequest(
            f"the gate paired-bootstrap reads reports of type classification and speed, not '{kind}'; "
            "leave that step out of its reports."
        )
    return kind


def _speed(report: Report, baseline: Judged) -> dict[str, Any]:
    """What a speed report says; BadRequest if its reference is another model than the one quality has."""
    said = report.read()
    if "baseline" in said and said["baseline"]["digest"] != baseline.model:
        beside = said["baseline"]["name"]
        raise BadRequest(
            f"a speed was measured beside {beside}, which is not the model that quality was compared with; "
            "give both evaluate steps the same `baseline:`."
        )
    return said


def _baseline(compared: Sequence[Report], task: Task) -> Judged:
    if len({report.refs["baseline"] for report in compared}) > 1:
        raise BadRequest(
            "the candidates were compared with different baselines; give all of them the same `baseline:`."
        )
    return Judged(task.fetch(compared[0], "baseline", Report))


def _names(wanted: Mapping[str, str]) -> dict[str, str]:
    """Model -> name; where two models have one name, the start of the digest tells them apart."""
    taken = list(wanted.values())
    return {
        model: name if taken.count(name) == 1 else f"{name} {model[:6]}" for model, name in wanted.items()
    }
