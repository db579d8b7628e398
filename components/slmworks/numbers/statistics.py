"""Intervals, paired tests, and how many rows a decision would take.

Arrays and counts in, plain numbers out; nothing in here knows a model, a report or a gate. Right and wrong
answers are computed exactly (`right_or_wrong`), other measures are resampled (`Paired`).
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, comb, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from slmworks.numbers import right_or_wrong
from slmworks.numbers.paired import Paired, Quantity
from slmworks.numbers.right_or_wrong import Table

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

POWER = 0.8
"""Chance of a conclusive answer that `rows_needed` plans for (the usual choice; Cohen, 1988)."""
MOST = 10**12
"""More rows than this are never needed."""
SURE = 4
"""Simulation errors between a bound and a limit that no other seed can turn."""
MOST_DRAWS, MOST_NUMBERS = 4_000_000, 400_000_000
"""Resamples, and numbers that they take, after which a bound stays unsure; seconds."""
DRAWS = 10_000
"""Resamples that every comparison begins with, so that report, gate and page draw the same."""
FINE, FEW_NUMBERS = 0.00025, 4_000_000
"""Simulation error of an interval's end, two of which are half a third decimal, the last that people read
(relative for numbers above 1); and how many numbers are drawn for it at most: half a second."""
LEAST_P = 1e-12
"""What a chance that was computed as 1 - x can tell from 0."""


@dataclass(frozen=True)
class Estimate:
    """A number and the two-sided interval around it."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low and high to 6 decimals."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


def wilson(successes: float, n: int, confidence: float = 0.95) -> Estimate:
    """A share and its score interval (Wilson, 1927); holds for small n and shares near 0 or 1."""
    if n <= 0:
        raise ValueError("an interval needs at least one row")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = successes / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z * sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


@dataclass(frozen=True)
class Bounded:
    """A number with a two-sided interval and a one-sided lower bound."""

    estimate: Estimate
    bound: float
    """One-sided lower bound: the true value lies above it with the confidence asked for."""
    surely: float
    """Four simulation errors below the bound; the bound itself where it was computed and not drawn."""
    drawn: bool = False
    """True if another seed, or more draws for another limit, would give other ends."""

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low, high and bound to 6 decimals."""
        return self.estimate.rounded() | {"bound": round(self.bound, 6)}


def estimate(
    counts: "Array", of: Quantity, *, resamples: int = DRAWS, seed: int = 0, fine: bool = True
) -> Estimate:
    """A measure's value with a 95 % interval, from what each row adds, [rows, counts].

    Shares of right rows: Wilson (1927). Everything else: Bayesian bootstrap over rows (Rubin, 1981), of so
    many `resamples`; `fine`: of more until its third decimal stands (see `percentiles`).
    """
    alone = Paired.pair(counts, counts, of)
    if alone.binary:
        return wilson(round(float((alone.rows @ alone.ours)[0])), alone.n)

    def values(draws: int) -> "Array":
        return alone.each(draws, seed, lambda ours, _theirs, _more: of.value(ours))

    numbers = len(alone.rows) if fine else FEW_NUMBERS
    low, high = percentiles(values, numbers, resamples=resamples)
    return Estimate(alone.value, low, high)


def percentiles(
    draw: Callable[[int], "Array"], numbers: int, *, resamples: int = DRAWS, confidence: float = 0.95
) -> tuple[float, float]:
    """The interval's ends among drawn values; `draw` gives so many of them, each of which takes `numbers`.

    As many more are drawn as it takes until the simulation error of both ends is `FINE`, unless that is more
    than `FEW_NUMBERS`.
    """
    import numpy as np

    most = max(resamples, FEW_NUMBERS // numbers)
    while True:
        drawn, errors = draw(resamples), []
        low, high = (float(end) for end in np.quantile(drawn, tails(confidence)))
        for level, end in zip(tails(confidence), (low, high), strict=True):
            error = sqrt(level * (1 - level) / resamples)  # of the share of draws below the end
            around = np.quantile(drawn, (max(level - error, 0.0), min(level + error, 1.0)))
            errors.append(float(around[1] - around[0]) / 2 / max(abs(end), 1.0))
        if max(errors) <= FINE or resamples >= most:
            return low, high
        resamples = min(ceil(1.2 * resamples * (max(errors) / FINE) ** 2), most)


def retention(
    pairs: Paired,
    *,
    limit: float | None = None,
    resamples: int = DRAWS,
    seed: int = 0,
    confidence: float = 0.95,
) -> Bounded:
    """Our value over theirs, by a paired Bayesian bootstrap (see `Paired`).

    Pairing counts: two models fail on the same hard rows, so their ratio is surer than either value. What has
    to be drawn is drawn on until it is clear on which side of `limit` the bound lies (see `_simulated`).
    """
    import numpy as np

    table = pairs.table
    if table and table.both + table.lost:
        return _computed(pairs.kept, table, right_or_wrong.ratio_quantile, confidence)
    worst, best = np.array(pairs.of.worst), np.array(pairs.of.best)

    def ends(ours: "Array", theirs: "Array", more: "Array") -> "Array":
        unlucky, lucky = np.multiply.outer(more, worst), np.multiply.outer(more, best)
        low = pairs.ratio(ours + unlucky, theirs + lucky, more)
        return np.stack([low, pairs.ratio(ours + lucky, theirs + unlucky, more)], axis=1)

    return _simulated(pairs, pairs.kept, ends, limit, resamples, seed, confidence)


def difference(
    pairs: Paired,
    *,
    limit: float | None = None,
    resamples: int = DRAWS,
    seed: int = 0,
    confidence: float = 0.95,
) -> Bounded:
    """How much better we are than they, by a paired Bayesian bootstrap; for `limit` see `retention`."""
    import numpy as np

    if table := pairs.table:
        return _computed(pairs.difference, table, right_or_wrong.difference_quantile, confidence)

    def ends(*block: "Array") -> "Array":
        return np.stack(_changes(pairs, *block), axis=1)

    return _simulated(pairs, pairs.difference, ends, limit, resamples, seed, confidence)


def _computed(
    value: float, table: Table, quantile: Callable[[Table, float], float], confidence: float
) -> Bounded:
    """Interval and bound of a function of right and wrong answers, from its quantiles."""
    unlucky, lucky = table.against_us(), table.for_us()
    low, high = tails(confidence)
    bound = quantile(unlucky, 1 - confidence)
    return Bounded(Estimate(value, quantile(unlucky, low), quantile(lucky, high)), bound, bound)


def _simulated(
    pairs: Paired,
    value: float,
    ends: Callable[["Array", "Array", "Array"], "Array"],
    limit: float | None,
    resamples: int,
    seed: int,
    confidence: float,
) -> Bounded:
    """Quantiles of resampled lower and upper ends [draws, 2].

    With a `limit`, four times as many are drawn again and again until the bound is four simulation errors
    away from it, so that no other seed turns a decision; or until `MOST_DRAWS` or `MOST_NUMBERS`. The
    two-sided interval is that of the first draws, and so the same for every limit.
    """
    import numpy as np

    level, most = 1 - confidence, min(MOST_DRAWS, MOST_NUMBERS // len(pairs.rows))
    drawn = pairs.each(resamples, seed, ends)
    low, high = (np.quantile(drawn[:, side], tails(confidence)[side]) for side in (0, 1))
    while True:
        error = SURE * sqrt(level * (1 - level) / resamples)  # of the share of draws below the bound
        around = np.quantile(drawn[:, 0], (max(level - error, 0.0), min(level + error, 1.0)))
        if limit is None or not around[0] < limit <= around[1] or resamples >= most:
            break
        resamples = min(4 * resamples, most)
        drawn = pairs.each(resamples, seed, ends)
    bound = float(np.quantile(drawn[:, 0], level))
    return Bounded(Estimate(value, float(low), float(high)), bound, float(around[0]), drawn=True)


def p_drop(pairs: Paired, allowed: float, *, resamples: int = DRAWS, seed: int = 0) -> float:
    """One-sided p-value that we are more than `allowed` worse than they (see `Paired`).

    Never 0. Where it is drawn, one is added to the draws that contradict, and to all (Phipson & Smyth, 2010).
    """
    if -pairs.difference <= allowed:
        return 1.0  # nothing to prove
    if table := pairs.table:
        return max(1 - right_or_wrong.difference_below(table.for_us(), -allowed), LEAST_P)
    change = pairs.each(resamples, seed, lambda *block: _changes(pairs, *block)[1])
    return float((1 + (change >= -allowed).sum()) / (1 + resamples))


def p_differ(pairs: Paired, *, resamples: int = DRAWS, seed: int = 0) -> float:
    """Two-sided p-value that two models differ: exact McNemar test for 0/1 measures, else the bootstrap."""
    if pairs.binary:
        return mcnemar(pairs.gained, pairs.lost)
    low, high = (
        pairs.each(resamples, seed, lambda *block, side=side: _changes(pairs, *block)[side])
        for side in (0, 1)
    )
    tails = ((low <= 0).sum(), (high >= 0).sum())
    return float(min(1.0, 2 * (1 + min(tails)) / (1 + resamples)))


def difference_test(pairs: Paired) -> str:
    """Name of the test that `p_differ` uses."""
    return "exact McNemar test" if pairs.binary else "paired Bayesian bootstrap"


def _changes(pairs: Paired, ours: "Array", theirs: "Array", more: "Array") -> tuple["Array", "Array"]:
    """How much better we are in each draw: with one further row against us, and with one for us."""
    import numpy as np

    worst, best = (np.multiply.outer(more, np.array(end)) for end in (pairs.of.worst, pairs.of.best))
    value, sign = pairs.of.value, 1.0 if pairs.of.higher_is_better else -1.0
    against = sign * (value(ours + worst) - value(theirs + best))
    return against, sign * (value(ours + best) - value(theirs + worst))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for the number of tests, so that all together err as rarely as one would (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, p_values[place] * (len(order) - rank)))
        adjusted[place] = highest
    return adjusted


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided p-value that two models differ in accuracy: exact McNemar test (McNemar, 1947)."""
    n = gained + lost
    tail = sum(comb(n, k) for k in range(min(gained, lost) + 1))
    # 2**n is no float for n > 1023: divide as integers, keeping 64 bits
    return min(1.0, 2 * (tail << 64 >> n) / 2.0**64)


def rows_needed(pairs: Paired, required: float, *, confidence: float = 0.95) -> int | None:
    """How many rows would settle `kept >= required` with 80 % chance, if what was seen is the truth.

    Delta method on the ratio of two functions of paired means; None where more rows would not help
    (kept <= required).
    """
    if not pairs.other or not pairs.value:
        return None if pairs.kept <= required else 1
    (ours, unlucky), (theirs, lucky) = _influence(pairs)
    change, further = (
        pairs.kept * (one / pairs.value - other / pairs.other)
        for one, other in ((ours, theirs), (unlucky, lucky))
    )
    return _rows(_variance(pairs, change), pairs.kept - required, confidence, abs(float(further)))


def rows_needed_for_difference(pairs: Paired, allowed: float, *, confidence: float = 0.95) -> int | None:
    """How many rows would settle `difference >= -allowed` with 80 % chance; None where none would."""
    (ours, unlucky), (theirs, lucky) = _influence(pairs)
    further = abs(float(unlucky - lucky))
    return _rows(_variance(pairs, ours - theirs), pairs.difference + allowed, confidence, further)


def _influence(pairs: Paired) -> list[tuple["Array", "Array"]]:
    """First-order change of our value and of theirs by a row of each kind [kinds], and by the further row [].

    The further row counts nothing for right and wrong answers, whose variance outweighs it.
    """
    import numpy as np

    def of(counts: "Array", further: tuple[float, ...]) -> tuple["Array", "Array"]:
        means = pairs.rows @ counts / pairs.n
        step = 1e-6 * np.maximum(np.abs(means), 1e-6)
        around = means + np.diag(step), means - np.diag(step)
        slope = (pairs.of.value(around[0]) - pairs.of.value(around[1])) / (2 * step)
        more = np.zeros_like(means) if pairs.binary else np.array(further) - means
        return np.asarray((counts - means) @ slope), np.asarray(more @ slope)

    return [of(pairs.ours, pairs.of.worst), of(pairs.theirs, pairs.of.best)]


def _variance(pairs: Paired, values: "Array") -> float:
    """Variance over rows of a value [kinds]."""
    weights = pairs.rows / pairs.n
    middle = float(weights @ values)
    return float(weights @ (values - middle) ** 2)


def _rows(variance: float, margin: float, confidence: float, further: float) -> int | None:
    """Rows at which the bound lies less than `margin` below the value, with the chance `POWER`.

    `further`: what one further row of random weight (exponential, as drawn) takes away, times the rows.
    """
    if margin <= 0:
        return None
    z, power = NormalDist().inv_cdf(confidence), NormalDist().inv_cdf(POWER)

    def enough(n: int) -> bool:
        row = further / n
        return row + z * sqrt(variance / n + row**2) + power * sqrt(variance / n) <= margin

    return 1 + bisect_left(range(1, MOST), True, key=enough)


def tails(confidence: float) -> tuple[float, float]:
    """The two quantiles between which a share `confidence` lies."""
    return (0.5 - confidence / 2, 0.5 + confidence / 2)
