"""What a page is about: the reports of candidate, teacher and champion, and the background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Report
from slmworks.evaluate import predictions
from slmworks.evaluate.comparison import Comparison
from slmworks.numbers import figures

if TYPE_CHECKING:
    from slmworks.lineage.ancestry import Lineage

Said = Mapping[str, Any]


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


@dataclass(frozen=True)
class Background:
    """What a page shows besides verdict and reports; all of it may be missing."""

    card: Said | None = None
    """`card.json` of the data."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Id of a test row -> its text."""
    model: "Lineage | None" = None
    """The way from the source files to the chosen model."""
    verdict: "Lineage | None" = None
    """The way from the source files to the verdict."""
    made: Made | None = None


@dataclass(frozen=True)
class Found:
    """The reports that a page is about; None where there is none."""

    candidate_report: Report | None
    teacher_report: Report | None
    champion_report: Report | None
    speed_report: Report | None

    @cached_property
    def candidate(self) -> Said | None:
        """What the chosen candidate's report says."""
        return self.candidate_report.read() if self.candidate_report else None

    @cached_property
    def teacher(self) -> Said | None:
        """What the teacher's report says."""
        return self.teacher_report.read() if self.teacher_report else None

    @cached_property
    def speed(self) -> Said | None:
        """What the chosen candidate's speed report says."""
        return self.speed_report.read() if self.speed_report else None

    @cached_property
    def against_teacher(self) -> Comparison | None:
        """The candidate's answers beside the teacher's."""
        return _beside(self.candidate_report, self.teacher_report)

    @cached_property
    def against_champion(self) -> Comparison | None:
        """The candidate's answers beside the champion's; None if it is the champion."""
        return _beside(self.candidate_report, self.champion_report)


def find(verdict: Said, reports: Sequence[Report]) -> Found:
    """Look up by the digests of the models in the verdict's rows."""
    rows = verdict.get("rows", [])
    chosen = next((row["model"] for row in rows if row["chosen"]), "")
    teacher = next((row["model"] for row in rows if row["role"] == "teacher"), "")
    champion = str(verdict.get("champion") or "")
    return Found(
        candidate_report=_first(reports, "classification", chosen, compared=True),
        teacher_report=_first(reports, "classification", teacher),
        champion_report=_first(reports, "classification", champion) if champion != chosen else None,
        speed_report=_first(reports, "speed", chosen),
    )


def changed(gained: int, lost: int, p: float) -> str:
    """Gained and lost rows in a sentence, and whether that can be chance."""
    return (
        f"{figures.count(gained)} gained, {figures.count(lost)} lost "
        f"(exact McNemar test: {figures.p_value(p)})."
    )


def _beside(ours: Report | None, theirs: Report | None) -> Comparison | None:
    if ours is None or theirs is None:
        return None
    return Comparison.of(*(predictions.read(one.path, "test") for one in (ours, theirs)))


def _first(reports: Sequence[Report], kind: str, model: str, *, compared: bool = False) -> Report | None:
    for report in reports:
        fits = report.meta.get("type") == kind and report.refs.get("model") == model
        if fits and (not compared or "baseline" in report.refs):
            return report
    return None
