"""A judge's opinion as a further requirement: never what decides, and only where the recipe asks for it."""

from collections.abc import Sequence

from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.evaluate.judge_report import JudgeReport, is_judge
from slmworks.evaluate.verdicts import win_rate
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import Check, outcome
from slmworks.numbers import figures


def require_wanted(reports: Sequence[Report], wanted: float | None, found: Sequence[Candidate]) -> None:
    """BadRequest for a judge's report that the recipe says nothing about, and for one that is missing."""
    if wanted is None:
        if any(map(is_judge, reports)):
            raise BadRequest(
                "the gate has a judge's report, and an opinion counts only where the recipe says so; set "
                "`win_rate` (0.45, or 0 to show it only), or leave that step out of its reports."
            )
        return
    for one in found:
        if not one.judged:
            raise BadRequest(
                f"the gate asks for a win rate, but {one.name} has no judge's report; add an evaluate step "
                "with `uses: judge` to the gate's reports."
            )


def check_win_rate(
    one: JudgeReport, required: float, *, confidence: float, resamples: int, seed: int
) -> Check:
    """Does a judge prefer its answers often enough? Decided on the one-sided lower bound."""
    found = win_rate(one.pairs, limit=required, resamples=resamples, seed=seed, confidence=confidence)
    value, n = found.estimate.value, sum(pair.outcome != "unread" for pair in one.pairs)
    how = outcome(value, found.surely, required)
    lowest = figures.percent_beside(found.bound, required)
    sign = "≥" if found.bound >= required else "<"
    bound = (
        f"{figures.requirement(confidence)} lower bound {lowest} {sign} {figures.requirement(required)}, "
        f"n = {figures.count(n)}"
    )
    words = f"the judge {one.judge} gives it {figures.percent(value)} against {one.rival}"
    if how == "inconclusive":
        words += ", but not for sure"
    written = (figures.requirement(required), figures.percent(value), lowest)
    title = f"win rate by {one.judge} against {one.rival}, at least"
    return Check("win_rate", title, required, value, found.bound, how, f"{words} ({bound})", written)
