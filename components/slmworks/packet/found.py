"""Which report says what: the chosen candidate's, its teacher's, and its speed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks import figures
from slmworks.artifact import Report

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """The content of the reports that a page is about; None where there is none."""

    candidate: Said | None
    teacher: Said | None
    speed: Said | None


def find(verdict: Said, reports: Sequence[Report]) -> Found:
    """Look up by the digests of the models in the verdict's rows."""
    rows = verdict.get("rows", [])
    chosen = next((row["model"] for row in rows if row["chosen"]), "")
    teacher = next((row["model"] for row in rows if row["role"] == "teacher"), "")
    return Found(
        candidate=_first(reports, "classification", chosen, compared=True),
        teacher=_first(reports, "classification", teacher),
        speed=_first(reports, "speed", chosen),
    )


def changed(against: Said) -> str:
    """Gained and lost rows in a sentence, and whether that can be chance."""
    gained, lost = figures.count(against["gained"]), figures.count(against["lost"])
    return f"{gained} gained, {lost} lost (exact McNemar test: {figures.p_value(against['mcnemar_p'])})."


def _first(reports: Sequence[Report], kind: str, model: str, *, compared: bool = False) -> Said | None:
    for report in reports:
        fits = report.meta.get("type") == kind and report.refs.get("model") == model
        if fits and (not compared or "baseline" in report.refs):
            return report.read()
    return None
