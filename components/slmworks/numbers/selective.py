"""Answering some questions and declining others: thresholds, how well scores tell two kinds apart, curves.

Arrays of scores in, plain numbers out; more is always surer.
"""

from collections.abc import Callable
from math import ceil, floor, isfinite, log2
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from slmworks.numbers.statistics import Estimate

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

CLOSE = 1e-9
"""To which an end of an interval is looked for."""


def threshold(scores: "Array", kept: float) -> float:
    """The largest threshold that a further score reaches with a chance of `kept` or more.

    `scores` [rows] of questions to be kept, exchangeable with those to come (split conformal prediction,
    Papadopoulos et al., 2002). Rounded down to 6 decimals; -inf where only that one keeps so many. ValueError
    where there are fewer than `rows_for`.
    """
    import numpy as np

    place = floor((1 - kept) * (len(scores) + 1) + CLOSE)
    if place < 1:
        raise ValueError(f"{len(scores)} rows are too few to keep {kept:g}: {rows_for(kept)} are needed")
    found = float(np.partition(scores, place - 1)[place - 1])
    return floor(found * 1e6) / 1e6 if isfinite(found) else found


def rows_for(kept: float) -> int:
    """The fewest rows from which a threshold can be chosen."""
    return ceil(1 / (1 - kept) - CLOSE) - 1


def auroc(inside: "Array", outside: "Array", *, confidence: float = 0.95) -> Estimate:
    """The chance that a score of `inside` is above one of `outside`, ties as half, with its interval.

    Mann-Whitney; the interval is Newcombe's method 5 (2006), which holds near 0 and 1 and for few rows.
    """
    import numpy as np

    m, n = len(inside), len(outside)
    if not (m and n):
        raise ValueError("an AUROC needs scores of both kinds")
    order = np.sort(outside)
    below, to = np.searchsorted(order, inside, "left"), np.searchsorted(order, inside, "right")
    value = float((below + to).sum()) / 2 / (m * n)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    half = (m + n) / 2 - 1

    def spread(one: float) -> float:
        return one * (1 - one) * (1 + half * (1 - one) / (2 - one) + half * one / (1 + one)) / (m * n)

    def outer(one: float) -> bool:
        return (one - value) ** 2 >= z * z * spread(one)

    return Estimate(value, _end(0.0, value, outer), _end(1.0, value, outer))


def _end(far: float, near: float, outer: Callable[[float], bool]) -> float:
    """Between `far`, which lies outside, and `near`, which does not: where that changes."""
    for _ in range(ceil(-log2(CLOSE))):
        middle = (far + near) / 2
        far, near = (middle, near) if outer(middle) else (far, middle)
    return (far + near) / 2


def surest(scores: "Array", shares: "Array") -> "list[Array]":
    """Rows of the surest `shares` of `scores` [rows], one array of places a share; at least one row each.

    What is as sure as the last of them is among them too.
    """
    import numpy as np

    order = np.sort(scores)[::-1]
    least = [order[max(ceil(float(share) * len(order) - CLOSE), 1) - 1] for share in shares]
    return [np.flatnonzero(scores >= one) for one in least]
