"""Sources of a page: the reports of candidate, teacher and champion, and the background."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Report
from slmworks.contract.errors import SlmworksError
from slmworks.contract.model_task import ModelTask
from slmworks.evaluate import safety_report
from slmworks.evaluate.benchmark_report import Result, results_of
from slmworks.evaluate.comparison import Comparison
from slmworks.evaluate.judge_report import is_judge
from slmworks.evaluate.quality_report import QualityReport, of_model
from slmworks.evaluate.safety_report import SafetyReport
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired

if TYPE_CHECKING:
    from slmworks.lineage.ancestry import Lineage, Node
    from slmworks.lineage.ledgers import Listed
    from slmworks.lineage.stopped import Stopped
    from slmworks.packet.about import About
    from slmworks.packet.running_costs import Spent
    from slmworks.packet.terms import Terms
    from slmworks.packet.training import Trained

Content = Mapping[str, Any]
"""What a JSON file holds."""


@dataclass(frozen=True)
class Made:
    """How to make the same again."""

    recipe: str = ""
    """The recipe's file, as it was called."""
    text: str = ""
    """The recipe, as it was."""
    packages: tuple[str, ...] = ()
    """Distributions with their versions: `slmworks==0.1.0`."""
    steps: tuple[tuple[str, str, str, str], ...] = ()
    """Step by step: what made it, distribution, digest of the code, digest of the result."""


Texts = Callable[[Collection[str]], Mapping[str, str]]
"""Ids of rows -> id -> text; only of those that are known."""


def nothing_known(_ids: Collection[str]) -> Mapping[str, str]:
    """No text of any row."""
    return {}


@dataclass(frozen=True)
class Background:
    """What a page shows besides verdict and reports; all of it may be missing."""

    card: Content | None = None
    """`card.json` of the data."""
    data: str = ""
    """Digest of the data."""
    texts: Texts = nothing_known
    """Gives the inputs of test rows in one line each, by their ids."""
    model: "Lineage | None" = None
    """The way from the source files to the chosen model."""
    verdict: "Lineage | None" = None
    """The way from the source files to the verdict."""
    made: Made | None = None
    ledgers: Sequence["Listed"] = ()
    """What was taken from teachers on the way to the chosen model."""
    baseline: Collection[str] = ()
    """Digests of the speed report's baseline, and of all that it was made from."""
    notice: str = ""
    """What a reviewer must know before anything else."""
    stopped: Sequence["Stopped"] = ()
    """The candidates that never came to the gate, in the order of the plan."""
    ways: Mapping[str, "Node"] = field(default_factory=dict)
    """Digests of these and of the selections that stopped them -> the way to each from the source files."""
    about: "About | None" = None
    """Release, recipe, run, day, requester and machine."""
    trained: Sequence["Trained"] = ()
    """The steps on the way to the chosen model, in the order of the plan."""
    seeds: Sequence[str] = ()
    """Sentences about models that differ by their seed only."""
    spent: "Spent | None" = None
    """What it took to make the chosen model."""
    terms: "Terms | None" = None
    """Use, limits and licences; None for a verdict that is shown by itself."""


@dataclass(frozen=True)
class Found:
    """The reports that a page is about; None where there is none."""

    candidate: QualityReport | None
    teacher: QualityReport | None
    champion: QualityReport | None
    """None also where the candidate is the champion."""
    speed: Content | None
    """The content of the chosen candidate's speed report."""
    judged: tuple[Content, ...] = ()
    """What judges' reports say of the chosen candidate."""
    probed: tuple[SafetyReport, ...] = ()
    """The safety reports on the chosen candidate."""
    teacher_probed: tuple[SafetyReport, ...] = ()
    """Those on the teacher."""
    benchmarks: Mapping[str, Result] = field(default_factory=dict)
    """Title (`TASK.METRIC`) -> how the chosen candidate did."""
    teacher_benchmarks: Mapping[str, Result] = field(default_factory=dict)
    """The teacher's."""
    name: str = ""
    """The chosen candidate's, as the verdict calls it."""

    @cached_property
    def model_task(self) -> ModelTask | None:
        """The candidate's model task; None where it is not installed (any more)."""
        try:
            return self.candidate.model_task if self.candidate else None
        except (SlmworksError, ImportError):
            return None

    @cached_property
    def against_teacher(self) -> Comparison | None:
        """The candidate's answers beside the teacher's."""
        return self._beside(self.teacher)

    @cached_property
    def against_champion(self) -> Comparison | None:
        """The candidate's answers beside the champion's."""
        return self._beside(self.champion)

    def p_against(self, against: str) -> float | None:
        """The p-value of a difference that the candidate's report holds, of `teacher` or `champion`."""
        other = self.teacher if against == "teacher" else self.champion
        if self.candidate is None or other is None:
            return None
        p = self.candidate.against(other.model).get("p")
        return None if p is None else float(p)

    def _beside(self, other: QualityReport | None) -> Comparison | None:
        if self.candidate is None or other is None or self.model_task is None:
            return None
        return self.candidate.beside(other, "test")


def find(verdict: Content, reports: Sequence[Report]) -> Found:
    """Look up by the digests of the models in the verdict's rows."""
    rows = verdict.get("rows", [])
    chosen, name = next(((row["model"], row["name"]) for row in rows if row["chosen"]), ("", ""))
    teacher = next((row["model"] for row in rows if row["role"] == "teacher"), "")
    champion = str(verdict.get("champion") or "")
    return Found(
        candidate=of_model(reports, chosen, compared=True),
        teacher=of_model(reports, teacher),
        champion=of_model(reports, champion) if champion != chosen else None,
        speed=_speed(reports, chosen),
        judged=tuple(one.read() for one in reports if is_judge(one) and one.refs.get("model") == chosen),
        probed=safety_report.of_model(reports, chosen),
        teacher_probed=safety_report.of_model(reports, teacher),
        benchmarks=results_of(reports, chosen),
        teacher_benchmarks=results_of(reports, teacher),
        name=str(name),
    )


def changed(pairs: Paired, p: float | None) -> str:
    """Gained and lost rows in a sentence, with the p-value of a difference; None: it is in no report."""
    written = figures.p_value(statistics.p_differ(pairs) if p is None else p)
    gained, lost = figures.count(pairs.gained), figures.count(pairs.lost)
    return f"{gained} gained, {lost} lost ({statistics.difference_test(pairs)}: {written})."


def _speed(reports: Sequence[Report], model: str) -> Content | None:
    found = (one for one in reports if one.meta.get("type") == "speed" and one.refs.get("model") == model)
    report = next(found, None)
    return report.read() if report else None
