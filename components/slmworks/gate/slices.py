"""Guard slices: no part of the data may get much worse, however good the whole looks."""

from collections.abc import Sequence
from dataclasses import dataclass

from slmworks.contract.model_task import Measure
from slmworks.evaluate.comparison import Comparison
from slmworks.gate.checks import Check
from slmworks.numbers import figures, statistics
from slmworks.numbers.paired import Paired

DRAWS = 40
"""Draws beyond the level that the strictest of many tests decides on, so that it can be reached."""


@dataclass(frozen=True)
class Slice:
    """The rows of one part of the data, answered by a candidate and by what it is compared with."""

    kind: str
    """`source`, or another kind that the model task has."""
    value: str
    against: str
    """`teacher` or `champion`."""
    pairs: Paired

    @property
    def name(self) -> str:
        """`source shop`."""
        return f"{self.kind} {self.value or '(none)'}"


def slices(both: Comparison, against: str, rows: int) -> list[Slice]:
    """Every slice of at least `rows` rows."""
    return [
        Slice(kind, value, against, both.pairs(places))
        for kind, value, places in both.slices()
        if len(places) >= rows
    ]


def check_slices(
    found: Sequence[Slice],
    allowed: float,
    *,
    measure: Measure,
    confidence: float,
    resamples: int,
    seed: int,
) -> Check:
    """Does a slice get worse by more than is allowed, for sure? Holm's correction (1979) over all slices.

    Turned round from the other checks: small slices are noisy, so the burden of proof is on the drop. A
    model none of whose slices truly drops that much is refused here with a chance of 1 - confidence at most.
    """
    noun, drops = ("drop", "drops") if measure.higher_is_better else ("rise", "rises")
    title, limit = f"largest {noun} of a slice, at most (smallest corrected p)", measure.gap(allowed)
    if not found:
        words = "no slice has enough rows to be tested"
        written = (limit, measure.gap(0.0), figures.p_value(1.0))
        return Check("slices", title, allowed, 0.0, 1.0, "passed", words, written)
    draws = max(resamples, round(DRAWS * len(found) / (1 - confidence)))
    p_values = statistics.holm(
        [statistics.p_drop(one.pairs, allowed, resamples=draws, seed=seed) for one in found]
    )
    worst, least = max(-one.pairs.difference for one in found), min(p_values)
    written = (limit, measure.gap(worst), figures.p_value(least))
    proven = sorted(
        ((p, one) for p, one in zip(p_values, found, strict=True) if p < 1 - confidence),
        key=lambda pair: pair[1].pairs.difference,
    )
    if not proven:
        words = f"none of {len(found)} slices {drops} by more than {limit} for sure"
        return Check("slices", title, allowed, worst, least, "passed", words, written)
    words = ", ".join(
        f"{one.name} {drops} by {measure.gap(one.pairs.difference)} against the {one.against} "
        f"(n = {figures.count(one.pairs.n)}, corrected {figures.p_value(p)})"
        for p, one in proven
    )
    words += f", {limit} allowed"
    return Check("slices", title, allowed, worst, least, "missed", words, written)
