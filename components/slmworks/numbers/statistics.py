"""Intervals, paired tests, and how many rows a decision would take.

Arrays and counts in, plain numbers out; nothing in here knows a model, a report or a gate. Resampling rows is
done by *kinds* of rows: how much each weighs in a resample follows a Dirichlet (or multinomial) distribution,
so a bootstrap of any number of rows costs one draw a kind.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

POWER = 0.8
"""Chance of a conclusive answer that `rows_needed` plans for (the usual choice; Cohen, 1988)."""
MOST = 10**12
"""More rows than this are never needed."""


@dataclass(frozen=True)
class Estimate:
    """A number and the two-sided interval around it."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low and high to 6 decimals."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


def wilson(successes: int, n: int, confidence: float = 0.95) -> Estimate:
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

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low, high and bound to 6 decimals."""
        return self.estimate.rounded() | {"bound": round(self.bound, 6)}


class Quantity(Protocol):
    """What `Paired` has to know of a measure."""

    @property
    def value(self) -> Callable[["Array"], "Array"]:
        """From sums [..., counts] to numbers [...]."""

    @property
    def worst(self) -> tuple[float, ...]:
        """Counts of one unlucky further row for us."""

    @property
    def best(self) -> tuple[float, ...]:
        """Counts of one lucky further row for what we are compared with."""

    @property
    def higher_is_better(self) -> bool:
        """False for a loss."""


def better(ours: "Array", theirs: "Array", of: Quantity) -> "Array":
    """For each row how much better ours is, from what it adds, both [rows, counts]; 0 if it has no value."""
    import numpy as np

    with np.errstate(all="ignore"):
        gap = of.value(ours) - of.value(theirs)
    return np.asarray(np.nan_to_num(gap if of.higher_is_better else -gap))


@dataclass(frozen=True)
class Paired:
    """The same rows judged for two models: what each row adds to the sums of one measure.

    Rows that add the same are counted once, so a bootstrap of any number of rows costs one draw a *kind* of
    row. For right and wrong answers the kinds are the four cells of a 2×2 table.
    """

    ours: "Array"
    """float64 [kinds, counts]"""
    theirs: "Array"
    """float64 [kinds, counts]"""
    rows: "Array"
    """Rows of each kind, int64 [kinds]; the kinds are in descending order."""
    of: Quantity

    @classmethod
    def pair(cls, ours: "Array", theirs: "Array", of: Quantity) -> "Paired":
        """From what each row adds, both [rows, counts] in the same order of rows."""
        import numpy as np

        a, b = np.asarray(ours, float), np.asarray(theirs, float)
        if a.shape != b.shape:
            raise ValueError(f"paired counts differ in shape: {a.shape} and {b.shape}")
        if not len(a):
            raise ValueError("a comparison needs at least one row")
        kinds, rows = np.unique(np.concatenate([a, b], axis=1), axis=0, return_counts=True)
        kinds, rows = kinds[::-1], rows[::-1]
        return cls(kinds[:, : a.shape[1]], kinds[:, a.shape[1] :], rows, of)

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.rows.sum())

    @property
    def value(self) -> float:
        """Our value."""
        return float(self.of.value(self.rows @ self.ours))

    @property
    def other(self) -> float:
        """Their value."""
        return float(self.of.value(self.rows @ self.theirs))

    @property
    def kept(self) -> float:
        """Our value as a share of theirs (theirs of ours where lower is better); see `ratio`."""
        return float(self.ratio(self.rows @ self.ours, self.rows @ self.theirs, 1.0))

    @property
    def difference(self) -> float:
        """How much better we are: our value minus theirs, or theirs minus ours where lower is better."""
        return self._sign * (self.value - self.other)

    @property
    def gained(self) -> int:
        """Rows that we answer better."""
        return int(self.rows[self._better > 0].sum())

    @property
    def lost(self) -> int:
        """Rows that they answer better."""
        return int(self.rows[self._better < 0].sum())

    @property
    def binary(self) -> bool:
        """Every row is right or wrong: it adds (1, 1) or (0, 1)."""
        import numpy as np

        both = np.concatenate([self.ours, self.theirs])
        return both.shape[1] == 2 and bool((both[:, 1] == 1).all() and np.isin(both[:, 0], (0, 1)).all())

    @property
    def _sign(self) -> float:
        return 1.0 if self.of.higher_is_better else -1.0

    @property
    def _better(self) -> "Array":
        return better(self.ours, self.theirs, self.of)

    def ratio(self, ours: "Array", theirs: "Array", further: Any) -> "Array":
        """Kept shares from sums [..., counts]; where theirs are worth nothing, one further row is best."""
        import numpy as np

        a, b = self.of.value(ours), self.of.value(theirs)
        if not self.of.higher_is_better:
            a, b = b, a
        if not self.of.value(self.rows @ self.theirs) and self.of.higher_is_better:
            b = self.of.value(theirs + np.multiply.outer(further, np.array(self.of.best)))
        return np.asarray(a / np.maximum(b, 1e-300))

    def _drawn(self, resamples: int, seed: int) -> Iterator[tuple["Array", "Array", "Array"]]:
        """Sums of ours and theirs [draws, counts] and the weight of one further row [draws], block by block.

        Bayesian bootstrap over paired rows (Rubin, 1981). Resampling alone cannot draw what was not seen:
        where no row was lost it is sure that none ever will be. With one more row on the side that hurts, a
        limit where nothing was gained is exactly that of Clopper & Pearson (1934), and the error rate stays
        at the stated one (benchmark `gate_error_rates`).
        """
        import numpy as np

        chance, shape = np.random.default_rng(seed), (*self.rows, 1)
        block = max(1, BLOCK // len(shape))
        for start in range(0, resamples, block):
            weights = chance.standard_gamma(shape, size=(min(block, resamples - start), len(shape)))
            yield weights[:, :-1] @ self.ours, weights[:, :-1] @ self.theirs, weights[:, -1]

    def each(self, resamples: int, seed: int, of: Callable[["Array", "Array", "Array"], "Array"]) -> "Array":
        """`of(ours, theirs, further)` over all draws, joined along the draws."""
        import numpy as np

        return np.concatenate([of(*block) for block in self._drawn(resamples, seed)])


BLOCK = 4_000_000
"""Numbers that are drawn at once: 32 MB."""


def estimate(counts: "Array", of: Quantity, *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """A measure's value with a 95 % interval, from what each row adds, [rows, counts].

    Shares of right rows: Wilson (1927). Everything else: Bayesian bootstrap over rows (Rubin, 1981).
    """
    import numpy as np

    alone = Paired.pair(counts, counts, of)
    if alone.binary:
        return wilson(round(float((alone.rows @ alone.ours)[0])), alone.n)
    drawn = alone.each(resamples, seed, lambda ours, _theirs, _more: of.value(ours))
    low, high = np.quantile(drawn, tails(0.95))
    return Estimate(alone.value, float(low), float(high))


def retention(pairs: Paired, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95) -> Bounded:
    """Our value over theirs, by a paired Bayesian bootstrap (see `Paired`).

    Pairing counts: two models fail on the same hard rows, so their ratio is surer than either value.
    """
    import numpy as np

    worst, best = np.array(pairs.of.worst), np.array(pairs.of.best)

    def ends(ours: "Array", theirs: "Array", more: "Array") -> "Array":
        unlucky, lucky = np.multiply.outer(more, worst), np.multiply.outer(more, best)
        low = pairs.ratio(ours + unlucky, theirs + lucky, more)
        return np.stack([low, pairs.ratio(ours + lucky, theirs + unlucky, more)], axis=1)

    drawn = pairs.each(resamples, seed, ends)
    low, bound = np.quantile(drawn[:, 0], (tails(confidence)[0], 1 - confidence))
    high = np.quantile(drawn[:, 1], tails(confidence)[1])
    return Bounded(Estimate(pairs.kept, float(low), float(high)), float(bound))


def difference(pairs: Paired, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95) -> Bounded:
    """How much better we are than they, by a paired Bayesian bootstrap (see `Paired`)."""
    import numpy as np

    drawn = pairs.each(resamples, seed, lambda *block: np.stack(_changes(pairs, *block), axis=1))
    low, bound = np.quantile(drawn[:, 0], (tails(confidence)[0], 1 - confidence))
    high = np.quantile(drawn[:, 1], tails(confidence)[1])
    return Bounded(Estimate(pairs.difference, float(low), float(high)), float(bound))


def p_drop(pairs: Paired, allowed: float, *, resamples: int = 10_000, seed: int = 0) -> float:
    """One-sided p-value that we are more than `allowed` worse than they (see `Paired`).

    Never 0: one is added to the draws that contradict, and to all (Phipson & Smyth, 2010).
    """
    if -pairs.difference <= allowed:
        return 1.0  # nothing to prove, whatever the draws say
    change = pairs.each(resamples, seed, lambda *block: _changes(pairs, *block)[1])
    return float((1 + (change >= -allowed).sum()) / (1 + resamples))


def p_differ(pairs: Paired, *, resamples: int = 10_000, seed: int = 0) -> float:
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
