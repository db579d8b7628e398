"""What a candidate has to show, one check each: required, measured, its bound, and the words for it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from slmworks.contract.errors import BadRequest
from slmworks.gate.candidates import Candidate, Judged
from slmworks.numbers import figures, statistics

Outcome = Literal["passed", "inconclusive", "missed"]


@dataclass(frozen=True)
class Check:
    """One requirement and how it went."""

    name: str
    required: float
    measured: float
    bound: float
    """The value that was compared: a lower bound where there is uncertainty; for slices the smallest p."""
    outcome: Outcome
    words: str

    @property
    def passed(self) -> bool:
        """Whether the requirement is met for sure."""
        return self.outcome == "passed"

    def as_json(self) -> dict[str, Any]:
        """For verdict.json."""
        found = asdict(self) | {"passed": self.passed}
        return found | {name: round(found[name], 6) for name in ("required", "measured", "bound")}


def outcome(measured: float, bound: float, required: float) -> Outcome:
    """Passed if even the bound is enough, missed if not even the measured value is."""
    if bound >= required:
        return "passed"
    return "inconclusive" if measured >= required else "missed"


def check_retention(
    pairs: statistics.Outcomes, kept: statistics.Bounded, required: float, confidence: float
) -> Check:
    """Is enough of the baseline's accuracy kept? Decided on the one-sided lower bound."""
    value, n = kept.estimate.value, figures.count(pairs.n)
    how = outcome(value, kept.bound, required)
    sign = "≥" if how == "passed" else "<"
    lowest = f"{figures.percent_beside(kept.bound, required)} {sign} {figures.requirement(required)}"
    bound = f"{figures.requirement(confidence)} lower bound {lowest}, n = {n}"
    keeps = f"keeps {figures.percent(value)} of the teacher"
    if how == "passed":
        words = f"{keeps} ({bound})"
    elif how == "missed":
        short = f"{figures.points(required - value)} less than the {figures.requirement(required)} required"
        words = f"{keeps}, {short} ({bound})"
    else:
        needed = statistics.rows_needed(pairs, required, confidence=confidence)
        exactly = f"it keeps exactly {figures.requirement(required)}"
        words = f"{keeps}, but not for sure ({bound}): {_more_rows(needed, pairs.n, exactly)}"
    return Check("retention", required, value, kept.bound, how, words)


def check_champion(
    pairs: statistics.Outcomes, change: statistics.Bounded, allowed: float, confidence: float
) -> Check:
    """Is it not worse than today's champion by more than `allowed`? One-sided bound on the difference."""
    value, n = change.estimate.value, figures.count(pairs.n)
    how = outcome(value, change.bound, -allowed)
    bound = f"{figures.requirement(confidence)} lower bound {figures.change(change.bound)}, n = {n}"
    limit = figures.points(allowed)
    said = f"{figures.change(value)} against the champion"
    if how == "passed":
        words = f"not worse than the champion by {limit} or more: {figures.change(value)} ({bound})"
    elif how == "missed":
        words = f"{said}, only {limit} less are allowed ({bound})"
    else:
        needed = statistics.rows_needed_for_difference(pairs, allowed, confidence=confidence)
        exactly = f"it loses exactly {limit}"
        more = _more_rows(needed, pairs.n, exactly)
        words = f"{said}, but not surely within the {limit} allowed ({bound}): {more}"
    return Check("champion", -allowed, value, change.bound, how, words)


def is_champion(allowed: float) -> Check:
    """The candidate is the very model that serves today: nothing to prove."""
    return Check("champion", -allowed, 0.0, 0.0, "passed", "is today's champion")


def check_calibration(candidate: Judged, allowed: float) -> Check:
    """Are the probabilities true enough? The measured expected calibration error on test decides."""
    said = candidate.said["splits"]["test"].get("calibration")
    if said is None:
        raise BadRequest("the gate asks for `max_ece`, but the report has no calibration; evaluate again.")
    value = float(said["ece"])
    words = f"calibration error {figures.score(value)}"
    if value > allowed:
        words += f", {allowed:g} allowed"
    return Check("calibration", allowed, value, value, "passed" if value <= allowed else "missed", words)


def check_accuracy(candidate: Candidate, required: float) -> Check:
    """Is the accuracy on test high enough, whatever the baseline does? The measured value decides."""
    value = float(candidate.said["splits"]["test"]["accuracy"]["value"])
    how = outcome(value, value, required)
    words = f"accuracy {figures.score(value)}"
    if how != "passed":
        words += f", {figures.points(required - value)} less than the {required:g} required"
    return Check("accuracy", required, value, value, how, words)


def check_speedup(speedup: dict[str, float], required: float) -> Check:
    """Is it fast enough at batch 1? Decided on the lower end of the 95 % interval over rounds."""
    how = outcome(speedup["value"], speedup["low"], required)
    words = figures.compared(speedup["value"], "faster", "slower")
    if how == "inconclusive":
        interval = f"{figures.times(speedup['low'])}–{figures.times(speedup['high'])}"
        words += f", but not for sure (95 % interval {interval}, {required:g}× required): measure longer"
    elif how == "missed":
        words = f"only {words}, {required:g}× faster required"
    return Check("speedup", required, speedup["value"], speedup["low"], how, words)


def check_smaller(candidate: Candidate, required: float) -> Check:
    """Is it small enough on disk? Bytes are counted, so there is no uncertainty."""
    value = candidate.smaller
    how = outcome(value, value, required)
    words = figures.compared(value, "smaller", "larger")
    if how != "passed":
        words = f"only {words}, {required:g}× smaller required"
    return Check("smaller", required, value, value, how, words)


def _more_rows(needed: int | None, n: int, exactly: str) -> str:
    if needed is None:
        return f"{exactly}, which no number of rows settles"
    return f"needs n ≈ {figures.count(_two_digits(max(needed, n + 1)))}"


def _two_digits(n: int) -> int:
    """Rounded up to two significant digits: a guess should not look like a count."""
    unit = int(10 ** max(len(str(n)) - 2, 0))
    return -(-n // unit) * unit
