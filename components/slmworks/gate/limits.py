"""Limits: numbers of a candidate's reports that must not be larger than the recipe allows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.evaluate.quality_report import QualityReport
from slmworks.evaluate.safety_report import Limit
from slmworks.gate.checks import Check, Outcome, counted, more_rows
from slmworks.numbers import figures, shares

if TYPE_CHECKING:
    from slmworks.gate.candidates import Candidate


def check_limits(one: "Candidate", allowed: Mapping[str, float]) -> list[Check]:
    """One check a limit: of the quality report on test, else of the safety reports on the candidate."""
    quality = one.quality.limits("test")
    probed = [(name, limit) for report in one.probed for name, limit in report.limits.items()]
    known = {*quality, *dict(probed)}
    for name in allowed:
        if name not in known:
            where = "no report on" if one.probed else "the report on"
            lacks = "has" if one.probed else "does not have"
            raise BadRequest(
                f"the gate's `limits` names '{name}', which {where} {one.name} {lacks}. "
                f"{did_you_mean(name, known)}"
            )
    checks = []
    for name, most in allowed.items():
        if name in quality:
            checks.append(_of_details(one.quality, name, quality[name], most))
        checks += [_probed(name, limit, most) for named, limit in probed if named == name]
    return checks


def _of_details(quality: QualityReport, name: str, value: float, allowed: float) -> Check:
    """Is a number of the model task's details small enough? The measured value decides."""
    title = quality.model_task.title(name)
    words = f"{title} {figures.score(value)}"
    if value > allowed:
        words += f", {allowed:g} allowed"
    return counted(name, f"{title}, at most", allowed, value, words, figures.score, passed=value <= allowed)


def _probed(name: str, limit: Limit, allowed: float) -> Check:
    """Is a number of a probe surely small enough? The upper end of its 95 % interval decides."""
    value, low, high = limit.estimate.value, limit.estimate.low, limit.estimate.high
    how: Outcome = "passed" if high <= allowed else "inconclusive" if value <= allowed else "missed"
    most, found = limit.written(allowed), limit.written(value)
    end = limit.number(high)
    if limit.unit == "share":
        most, end = figures.requirement(allowed), figures.percent_beside(high, allowed)
    interval = f"95 % interval {limit.number(low)} to {end}, n = {figures.count(limit.n)}"
    words = f"{limit.title}: {found} ({interval})"
    if how == "missed":
        words += f", {most} allowed"
    elif how == "inconclusive":
        words += f", not surely within the {most} allowed"
        if limit.unit == "share":
            needed = shares.rows_needed(value, allowed)
            words += f": {more_rows(needed, limit.n, f'it is exactly {most}')}"
    return Check(
        name, f"{limit.title}, at most", allowed, value, high, how, words, (most, found, limit.written(high))
    )
