"""Requirements of a candidate, one check each: required, measured, its bound, and the words for it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.model_task import Measure
from slmworks.evaluate.quality_report import QualityReport
from slmworks.gate.candidates import Candidate
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired

Outcome = Literal["passed", "inconclusive", "missed"]


@dataclass(frozen=True)
class Check:
    """One requirement and how it went."""

    name: str
    title: str
    """The requirement in a few words: `calibration error, at most`."""
    required: float
    measured: float
    bound: float
    """The value that was compared: a lower bound where there is uncertainty; for slices the smallest p."""
    outcome: Outcome
    words: str
    written: tuple[str, str, str]
    """Required, measured and bound as people read them."""

    @property
    def passed(self) -> bool:
        """True if the requirement is met for sure."""
        return self.outcome == "passed"

    def as_json(self) -> dict[str, Any]:
        """For verdict.json."""
        keys = ("required", "measured", "bound")
        return {
            "name": self.name,
            "title": self.title,
            "passed": self.passed,
            "outcome": self.outcome,
            **{key: round(float(getattr(self, key)), 6) for key in keys},
            "words": self.words,
            "written": dict(zip(keys, self.written, strict=True)),
        }


def outcome(measured: float, bound: float, required: float) -> Outcome:
    """Passed if even the bound is surely enough, missed if not even the measured value is."""
    if bound >= required:
        return "passed"
    return "inconclusive" if measured >= required else "missed"


def check_retention(
    pairs: Paired, kept: statistics.Bounded, required: float, *, confidence: float, measure: Measure
) -> Check:
    """Is enough of the baseline's value kept? Decided on the one-sided lower bound."""
    value, n = kept.estimate.value, figures.count(pairs.n)
    how = outcome(value, kept.surely, required)
    near = barely(kept.bound - required)
    sign = f"{',' if near else ''} {near}{'≥' if kept.bound >= required else '<'}"
    asked, lowest = figures.requirement(required), figures.percent_beside(kept.bound, required)
    bound = f"{figures.requirement(confidence)} lower bound {lowest}{sign} {asked}, n = {n}"
    keeps = f"keeps {figures.percent(value)} of the teacher"
    if how == "passed":
        words = f"{keeps} ({bound})"
    elif how == "missed":
        words = f"{keeps}, {figures.points(required - value)} less than the {asked} required ({bound})"
    else:
        needed = statistics.rows_needed(pairs, required, confidence=confidence)
        words = (
            f"{keeps}, but not for sure ({bound}): {more_rows(needed, pairs.n, f'it keeps exactly {asked}')}"
        )
    written = (asked, figures.percent_beside(value, required), lowest)
    title = f"{measure.title} kept of the teacher, at least"
    return Check("retention", title, required, value, kept.bound, how, words, written)


def check_champion(
    pairs: Paired, change: statistics.Bounded, allowed: float, *, confidence: float, measure: Measure
) -> Check:
    """Is it not worse than today's champion by more than `allowed`? One-sided bound on the difference.

    The numbers say how much better it is; the words, how much its value changed.
    """
    value, n = change.estimate.value, figures.count(pairs.n)
    how = outcome(value, change.surely, -allowed)
    changed, least, limit = change_of(measure, value), change_of(measure, change.bound), measure.gap(allowed)
    near = barely(change.bound + allowed) if measure.is_share else ""
    side, word = ("lower", "less") if measure.higher_is_better else ("upper", "more")
    bound = f"{figures.requirement(confidence)} {side} bound {near}{least}, n = {n}"
    named = changed if measure.is_share else f"{measure.title} {changed}"
    against = f"{named} against the champion"
    if how == "passed":
        words = f"not worse than the champion by {limit} or more: {named} ({bound})"
    elif how == "missed":
        words = f"{against}, only {limit} {word} {'are' if measure.is_share else 'is'} allowed ({bound})"
    else:
        needed = statistics.rows_needed_for_difference(pairs, allowed, confidence=confidence)
        verb = "loses" if measure.higher_is_better else "rises by"
        more = more_rows(needed, pairs.n, f"it {verb} exactly {limit}")
        words = f"{against}, but not surely within the {limit} allowed ({bound}): {more}"
    written = (change_of(measure, -allowed), changed, least)
    return Check("champion", _against(measure), -allowed, value, change.bound, how, words, written)


def is_champion(allowed: float, measure: Measure) -> Check:
    """The candidate is the very model that serves today: nothing to prove."""
    same = change_of(measure, 0.0)
    written = (change_of(measure, -allowed), same, same)
    words = "is today's champion"
    return Check("champion", _against(measure), -allowed, 0.0, 0.0, "passed", words, written)


def check_reference(
    name: str, pairs: Paired, change: statistics.Bounded, *, confidence: float, measure: Measure
) -> Check:
    """Is it surely better than a reference? One-sided bound on the difference, which must lie above 0.

    All references must be beaten, so none of them needs a correction for the others (Berger, 1982).
    """
    value, n = change.estimate.value, figures.count(pairs.n)
    changed, least = change_of(measure, value), change_of(measure, change.bound)
    side = "lower" if measure.higher_is_better else "upper"
    bound = f"{figures.requirement(confidence)} {side} bound {barely(change.bound)}{least}, n = {n}"
    named = changed if measure.is_share else f"{measure.title} {changed}"
    how: Outcome = "passed" if change.surely > 0 else "inconclusive" if value > 0 else "missed"
    if how == "passed":
        words = f"better than {name}: {named} ({bound})"
    elif how == "missed":
        words = f"not better than {name}: {named} ({bound})"
    else:
        needed = statistics.rows_needed_for_difference(pairs, 0.0, confidence=confidence)
        words = f"better than {name}, but not for sure: {named} ({bound}): "
        words += more_rows(needed, pairs.n, "they are as good")
    written = (f"{'above' if measure.higher_is_better else 'below'} 0", changed, least)
    title = f"change of {measure.title} against {name}"
    return Check("reference", title, 0.0, value, change.bound, how, words, written)


def told_together(checks: Sequence[Check]) -> list[str]:
    """The words of checks, in their order; of several references that are beaten only the best is told."""
    references = [check for check in checks if check.name == "reference"]
    beaten = [check for check in references if check.passed]
    if len(beaten) < 2:
        return [check.words for check in checks]
    every = "both" if len(references) == 2 else f"all {len(references)}"
    which = every if len(beaten) == len(references) else f"{len(beaten)} of {len(references)}"
    best = min(beaten, key=lambda check: check.measured)
    words = f"better than {which} references, the best of them {best.words.removeprefix('better than ')}"
    rest = [check for check in checks if check not in beaten or check is beaten[0]]
    return [words if check is beaten[0] else check.words for check in rest]


def check_minimum(
    quality: QualityReport, name: str, required: float, *, further: Collection[str] = ()
) -> Check:
    """Is a measure good enough on test, whatever the baseline does? The measured value decides.

    further: names that are required in other reports, to offer the nearest.
    """
    found, task = quality.measures("test"), quality.model_task
    if name not in found:
        raise BadRequest(
            f"the gate's `minimum` names '{name}', which the report on {quality.name} does not have. "
            f"{did_you_mean(name, [*found, *further])}"
        )
    value, title, written, measure = (
        found[name]["value"],
        task.title(name),
        task.written(name),
        task.measure(name),
    )
    higher = measure is None or measure.higher_is_better
    passed = value >= required if higher else value <= required
    words = f"{title} {written(value)}"
    if not passed:
        gap = measure.gap if measure else figures.points
        rest = f"less than the {required:g} required" if higher else f"more than the {required:g} allowed"
        words += f", {gap(required - value)} {rest}"
    title += ", at least" if higher else ", at most"
    return counted(name, title, required, value, words, written, passed=passed)


def check_speedup(speed: Mapping[str, Any], required: float) -> Check:
    """Is it fast enough at batch 1? Decided on the lower end of the 95 % interval over rounds.

    `speed`: the content of a speed report with a baseline.
    """
    value, low, high = (speed["speedup"][key] for key in ("value", "low", "high"))
    how = outcome(value, low, required)
    words = figures.compared(value, "faster", "slower")
    ends = (low, high) if value >= 1 else (1 / max(high, 1e-9), 1 / max(low, 1e-9))
    interval = f"{figures.times(ends[0])} to {figures.times(ends[1])}"
    busy = " on a busy machine" if speed.get("surroundings", {}).get("busy") else ""
    if how == "passed":
        words += f" ({interval}){busy}"
    elif how == "inconclusive":
        words += (
            f"{busy}, but not for sure (95 % interval {interval}, {required:g}× required): measure longer"
        )
    else:
        words = f"only {words} ({interval}){busy}, {required:g}× faster required"
    written = (figures.times(required), figures.times(value), figures.times(low))
    return Check(
        "speedup", "times faster than the teacher, at least", required, value, low, how, words, written
    )


def check_smaller(candidate: Candidate, required: float) -> Check:
    """Is it small enough on disk? Bytes are counted, so there is no uncertainty.

    BadRequest where the baseline is hosted: nobody here knows its bytes.
    """
    value = candidate.smaller
    if value is None:
        raise BadRequest(
            "smaller: the candidates' baseline is a hosted model, whose size is unknown; leave it out."
        )
    words = figures.compared(value, "smaller", "larger")
    if value < required:
        words = f"only {words}, {required:g}× smaller required"
    title = "times smaller than the teacher, at least"
    return counted("smaller", title, required, value, words, figures.times, passed=value >= required)


def counted(
    name: str,
    title: str,
    required: float,
    value: float,
    words: str,
    written: Callable[[float], str],
    *,
    passed: bool,
) -> Check:
    """A check that is decided on the measured value itself."""
    shown = (written(required), written(value), written(value))
    return Check(name, title, required, value, value, "passed" if passed else "missed", words, shown)


def barely(margin: float) -> str:
    """A word for a bound that lies less than a tenth of a point from its limit."""
    return "barely " if abs(margin) < 0.001 else ""


def change_of(measure: Measure, better: float) -> str:
    """The change of a measure's value for people, from how much better it is."""
    return measure.change(measure.moved(better))


def _against(measure: Measure) -> str:
    return f"change against the champion, {'at least' if measure.higher_is_better else 'at most'}"


def more_rows(needed: int | None, n: int, exactly: str) -> str:
    """The end of an inconclusive check's words: the rows that an answer would take."""
    if needed is None:
        return f"{exactly}, which no number of rows settles"
    return f"needs n ≈ {figures.count(_two_digits(max(needed, n + 1)))}"


def _two_digits(n: int) -> int:
    """Rounded up to two significant digits: a guess should not look like a count."""
    unit = int(10 ** max(len(str(n)) - 2, 0))
    return -(-n // unit) * unit
