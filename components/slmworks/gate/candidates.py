"""Reports, grouped by the model they are about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.stage import Task
from slmworks.evaluate import safety_report
from slmworks.evaluate.benchmark_report import Result, results_of
from slmworks.evaluate.candidate_names import names
from slmworks.evaluate.judge_report import JudgeReport, is_judge
from slmworks.evaluate.quality_report import QualityReport, require_one_measure
from slmworks.evaluate.safety_report import SafetyReport
from slmworks.numbers.paired import Paired


@dataclass(frozen=True)
class Candidate:
    """A model whose quality was measured beside a baseline."""

    name: str
    quality: QualityReport
    baseline: QualityReport
    speed: Mapping[str, Any] | None
    """The content of its speed report, if there is one."""
    judged: tuple[JudgeReport, ...] = ()
    """What judges say of its answers."""
    probed: tuple[SafetyReport, ...] = ()
    """What probes of its safety found."""
    benchmarks: Mapping[str, Result] = field(default_factory=dict)
    """Title (`TASK.METRIC`) -> how it did."""

    @property
    def model(self) -> str:
        """Digest of the model."""
        return self.quality.model

    @property
    def bytes(self) -> int:
        """Size on disk."""
        return self.quality.bytes or 0

    @property
    def smaller(self) -> float | None:
        """How many times smaller than the baseline on disk; None where that is hosted."""
        return times_smaller(self.quality, self.baseline)

    def beside_trivial(self, name: str, split: str) -> Paired:
        """Its answers paired with those of a trivial baseline that was judged beside the baseline."""
        both = self.quality.beside(self.baseline, split)
        return Paired.pair(both.ours.counts[both.measure.name], both.theirs.trivial[name], both.measure)


def times_smaller(one: QualityReport, other: QualityReport) -> float | None:
    """How many times smaller a model is than another on disk; None where one of them is hosted."""
    if one.bytes is None or other.bytes is None:
        return None
    return other.bytes / max(one.bytes, 1)


def candidates(
    reports: Sequence[Report], task: Task, *, references: Sequence[Report] = ()
) -> list[Candidate]:
    """Every model with a quality report that has a baseline, by name; BadRequest if none has.

    Called like the step that made it, where the task knows it.
    A model that `references` are about is none.
    """
    judged = [QualityReport(report) for report in reports if _type(report) == "quality"]
    beaten = {report.refs["model"] for report in references}
    compared = {one.model: one for one in judged if "baseline" in one.report.refs and one.model not in beaten}
    if not compared and beaten.intersection(one.model for one in judged):
        raise BadRequest(
            "every model among the gate's reports is a reference too, and references are never chosen; give "
            "it a candidate."
        )
    if not compared:
        raise BadRequest(
            "no report compares a model with a baseline; give the gate an evaluate step that has "
            "`baseline:` in its `from`."
        )
    if any(one.format == HOSTED for one in compared.values()):
        raise BadRequest(
            "a hosted model can't be chosen, since it can't be released; give its report as `references`, or "
            "as the `baseline` of the others."
        )
    baseline = _baseline(list(compared.values()), task)
    require_alike([*judged, baseline])
    for one in (*judged, baseline):
        one.require("validation", "test")
    speeds = {
        report.refs["model"]: _speed(report, baseline) for report in reports if _type(report) == "speed"
    }
    named = names({model: task.names.get(model, one.name) for model, one in compared.items()})
    judges = list(filter(is_judge, reports))
    found = [
        Candidate(
            named[model],
            one,
            baseline,
            speeds.get(model),
            _opinions(judges, one, baseline),
            safety_report.of_model(reports, model),
            results_of(reports, model),
        )
        for model, one in compared.items()
    ]
    return sorted(found, key=lambda one: one.name)


def champion_of(report: Report | None, found: Sequence[Candidate]) -> QualityReport | None:
    """Today's champion; BadRequest if it cannot be compared with the candidates."""
    if report is None:
        return None
    if _type(report) != "quality":
        raise BadRequest(
            f"the champion is a report of type {report.meta['type']}; give `champion` a step that evaluates "
            "with quality."
        )
    champion, candidate = QualityReport(report), found[0].quality
    if champion.model_task.name != candidate.model_task.name:
        raise BadRequest(
            f"the champion is for {champion.model_task.name}, the candidates for "
            f"{candidate.model_task.name}; give `champion` a model of the same model task."
        )
    if report.refs["data"] != candidate.report.refs["data"]:
        raise BadRequest(
            "the champion was measured on other data than the candidates; evaluate it on the same data."
        )
    require_one_measure([champion, candidate])
    champion.require("validation", "test")
    return champion


def require_alike(judged: Sequence[QualityReport]) -> None:
    """BadRequest unless all were measured for one model task and on the same data."""
    tasks = sorted({one.model_task.name for one in judged})
    if len(tasks) > 1:
        raise BadRequest(
            f"the reports are about models for {' and '.join(tasks)}; give the gate reports on one model "
            "task."
        )
    require_one_measure(judged)
    if len({one.report.refs["data"] for one in judged}) > 1:
        raise BadRequest("the reports were measured on different data; evaluate all models on the same data.")


def _type(report: Report) -> str:
    kind = str(report.meta.get("type", ""))
    if kind not in ("quality", "speed", "judge", "safety", "benchmark"):
        raise BadRequest(
            "the gate paired-bootstrap reads reports of type quality, speed, judge, safety and benchmark, "
            f"not '{kind}'; leave that step out of its reports."
        )
    return kind


def _speed(report: Report, baseline: QualityReport) -> dict[str, Any]:
    """The content of a speed report; BadRequest if its baseline is another model than that of quality."""
    content = report.read()
    if "baseline" in content and content["baseline"]["digest"] != baseline.model:
        beside = content["baseline"]["name"]
        raise BadRequest(
            f"a speed was measured beside {beside}, which is not the model that quality was compared with; "
            "give both evaluate steps the same `baseline:`."
        )
    return content


def _opinions(
    judges: Sequence[Report], quality: QualityReport, baseline: QualityReport
) -> tuple[JudgeReport, ...]:
    """The judges' reports on a model; BadRequest where one was made on other rows or beside another model."""
    found = tuple(JudgeReport(one) for one in judges if one.refs["model"] == quality.model)
    for one in found:
        if one.report.refs["data"] != quality.report.refs["data"] or one.content["split"] != "test":
            raise BadRequest(
                "a judge saw other rows than the gate decides on; let it judge the split test of the same "
                "data."
            )
        if one.against and one.against != baseline.model:
            raise BadRequest(
                f"a judge compared with {one.rival}, which is not the model that quality was compared with; "
                "give both evaluate steps the same `baseline:`."
            )
    return found


def _baseline(compared: Sequence[QualityReport], task: Task) -> QualityReport:
    if len({one.report.refs["baseline"] for one in compared}) > 1:
        raise BadRequest(
            "the candidates were compared with different baselines; give all of them the same `baseline:`."
        )
    return QualityReport(task.fetch(compared[0].report, "baseline", Report))
