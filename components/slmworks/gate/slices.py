"""Guard slices: no part of the data may get much worse, however good the whole looks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from slmworks.evaluate.comparison import Comparison
from slmworks.gate.checks import Check
from slmworks.numbers import figures, statistics

DRAWS = 40
"""Draws beyond the level that the strictest of many tests decides on, so that it can be reached."""


@dataclass(frozen=True)
class Slice:
    """The rows of one source or one true label, answered by a candidate and by what it is compared with."""

    name: str
    """`source shop`, `label refund`."""
    against: str
    """`teacher` or `champion`."""
    pairs: statistics.Outcomes


def slices(both: Comparison, against: str, rows: int) -> list[Slice]:
    """Every source and true label with at least `rows` rows; a single source is the whole, not a slice."""
    found = []
    for kind, column in (("source", both.ours.sources), ("label", both.ours.truth)):
        places: dict[str, list[int]] = defaultdict(list)
        for i, value in enumerate(column):
            places[value].append(i)
        for value, mine in sorted(places.items()):
            if len(mine) >= rows and len(places) > 1:
                ours, theirs = ([one.right[i] for i in mine] for one in (both.ours, both.theirs))
                name = f"{kind} {value or '(none)'}"
                found.append(Slice(name, against, statistics.Outcomes.of(ours, theirs)))
    return found


def check_slices(
    found: Sequence[Slice], allowed: float, *, confidence: float, resamples: int, seed: int
) -> Check:
    """Does a slice drop by more than is allowed, for sure? Holm's correction (1979) over all slices.

    Turned round from the other checks: small slices are noisy, so the burden of proof is on the drop. A
    model none of whose slices truly drops that much is refused here with a chance of 1 - confidence at most.
    """
    if not found:
        return Check("slices", allowed, 0.0, 1.0, "passed", "no slice has enough rows to be tested")
    draws = max(resamples, round(DRAWS * len(found) / (1 - confidence)))
    p_values = statistics.holm(
        [statistics.p_drop(one.pairs, allowed, resamples=draws, seed=seed) for one in found]
    )
    worst = max(-one.pairs.difference for one in found)
    proven = sorted(
        ((p, one) for p, one in zip(p_values, found, strict=True) if p < 1 - confidence),
        key=lambda pair: pair[1].pairs.difference,
    )
    limit = figures.points(allowed)
    if not proven:
        words = f"none of {len(found)} slices drops by more than {limit} for sure"
        return Check("slices", allowed, worst, min(p_values), "passed", words)
    words = ", ".join(
        f"{one.name} drops by {figures.points(one.pairs.difference)} against the {one.against} "
        f"(n = {figures.count(one.pairs.n)}, corrected {figures.p_value(p)})"
        for p, one in proven
    )
    return Check("slices", allowed, worst, min(p_values), "missed", f"{words}, {limit} allowed")
