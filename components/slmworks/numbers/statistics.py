"""How sure we are: intervals, paired tests, and how many rows a decision would take.

Arrays and counts in, plain numbers out; nothing in here knows a model, a report or a gate.
Resampling rows is done by counts: how much each *kind* of row weighs in a resample follows a multinomial
(or, for weights, a Dirichlet) distribution, so a bootstrap of any number of rows costs one draw a resample.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, comb, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

POWER = 0.8
"""Chance of a conclusive answer that `rows_needed` plans for (the usual choice; Cohen, 1988)."""


@dataclass(frozen=True)
class Estimate:
    """A number and the two-sided interval around it."""

    value: float
    low: float
    high: float

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low and high to 6 decimals."""
        return {"value": round(self.value, 6), "low": round(self.low, 6), "high": round(self.high, 6)}


@dataclass(frozen=True)
class Outcomes:
    """How the same rows were answered by two models: by both right, only ours, only theirs, neither."""

    both: int
    gained: int
    lost: int
    neither: int

    @classmethod
    def of(cls, ours: Sequence[bool], theirs: Sequence[bool]) -> "Outcomes":
        """Count rows; `ours[i]` and `theirs[i]` say whether row i was answered right."""
        import numpy as np

        a, b = np.asarray(ours, bool), np.asarray(theirs, bool)
        if a.shape != b.shape:
            raise ValueError(f"paired outcomes differ in length: {a.size} and {b.size}")
        return cls(int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum()))

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def ours(self) -> int:
        """Rows that we answer right."""
        return self.both + self.gained

    @property
    def theirs(self) -> int:
        """Rows that they answer right."""
        return self.both + self.lost

    @property
    def kept(self) -> float:
        """Our accuracy as a share of theirs (where they are never right: as if they were once)."""
        return self.ours / max(self.theirs, 1)

    @property
    def difference(self) -> float:
        """Our accuracy minus theirs."""
        return (self.gained - self.lost) / self.n


def wilson(successes: int, n: int, confidence: float = 0.95) -> Estimate:
    """A share and its score interval (Wilson, 1927); holds for small n and shares near 0 or 1."""
    if n <= 0:
        raise ValueError("an interval needs at least one row")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, weight = successes / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z * sqrt(share * (1 - share) / n + weight / (4 * n)) / (1 + weight)
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def confusion(truth: "Array", predicted: "Array", labels: int) -> "Array":
    """Counts [labels, labels]: rows of true class i that were answered j; int arrays [rows] in."""
    import numpy as np

    return np.bincount(truth * labels + predicted, minlength=labels * labels).reshape(labels, labels)


def class_scores(counts: "Array") -> dict[str, "Array"]:
    """Per class, from a confusion matrix: `precision`, `recall`, `f1` (0 where undefined), `support`."""
    import numpy as np

    right, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    return {
        "precision": right / np.maximum(said, 1),
        "recall": right / np.maximum(true, 1),
        "f1": 2 * right / np.maximum(true + said, 1),
        "support": true,
    }


def macro_f1(counts: "Array") -> float:
    """Mean F1 over the classes that occur or are answered."""
    seen = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    return float(class_scores(counts)["f1"][seen].mean())


def macro_f1_interval(
    counts: "Array", *, resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> Estimate:
    """Macro-F1 with a percentile bootstrap over rows (Efron & Tibshirani, 1993, ch. 13)."""
    import numpy as np

    true, said = np.nonzero(counts)  # a cell is a kind of row
    weights, n = counts[true, said], int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(n, weights / n, size=resamples).astype(float)
    classes = np.arange(len(counts))
    in_true, in_said = true[:, None] == classes, said[:, None] == classes
    right = drawn @ (in_true & in_said)
    total = drawn @ in_true + drawn @ in_said
    scores = (2 * right / np.maximum(total, 1)).sum(axis=1) / (total > 0).sum(axis=1)
    low, high = np.quantile(scores, _tails(confidence))
    return Estimate(macro_f1(counts), float(low), float(high))


@dataclass(frozen=True)
class Bounded:
    """A number with a two-sided interval and a one-sided lower bound."""

    estimate: Estimate
    bound: float
    """One-sided lower bound: the true value lies above it with the confidence asked for."""

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low, high and bound to 6 decimals."""
        return self.estimate.rounded() | {"bound": round(self.bound, 6)}


def retention(
    pairs: Outcomes, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> Bounded:
    """Our accuracy over theirs, by a paired Bayesian bootstrap (see `resampled`).

    Pairing counts: two models fail on the same hard rows, so their ratio is surer than either accuracy.
    """
    import numpy as np

    drawn = resampled(pairs, resamples=resamples, seed=seed)
    ours, theirs = drawn.both + drawn.gained, drawn.both + drawn.lost
    if not pairs.theirs:
        theirs = theirs + drawn.more  # as if they were right once
    low, bound = np.quantile(ours / (theirs + drawn.more), (_tails(confidence)[0], 1 - confidence))
    high = np.quantile((ours + drawn.more) / theirs, _tails(confidence)[1])
    return Bounded(Estimate(pairs.kept, float(low), float(high)), float(bound))


def difference(
    pairs: Outcomes, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> Bounded:
    """Our accuracy minus theirs, by a paired Bayesian bootstrap (see `resampled`)."""
    import numpy as np

    drawn = resampled(pairs, resamples=resamples, seed=seed)
    change, total = drawn.gained - drawn.lost, drawn.total + drawn.more
    low, bound = np.quantile((change - drawn.more) / total, (_tails(confidence)[0], 1 - confidence))
    high = np.quantile((change + drawn.more) / total, _tails(confidence)[1])
    return Bounded(Estimate(pairs.difference, float(low), float(high)), float(bound))


def p_drop(pairs: Outcomes, allowed: float, *, resamples: int = 10_000, seed: int = 0) -> float:
    """One-sided p-value that our accuracy is more than `allowed` below theirs (see `resampled`).

    Never 0: one is added to the draws that contradict, and to all (Phipson & Smyth, 2010).
    """
    if -pairs.difference <= allowed:
        return 1.0  # nothing to prove, whatever the draws say
    drawn = resampled(pairs, resamples=resamples, seed=seed)
    change = (drawn.gained + drawn.more - drawn.lost) / (drawn.total + drawn.more)
    return float((1 + (change >= -allowed).sum()) / (1 + resamples))


@dataclass(frozen=True)
class Resampled:
    """Weights of each kind of row, one a resample, float64 [resamples]; only their ratios mean something."""

    both: "Array"
    gained: "Array"
    lost: "Array"
    neither: "Array"
    more: "Array"
    """Weight of one further row, put where it speaks against what is to be shown."""

    @property
    def total(self) -> "Array":
        """Weight of all rows without the further one."""
        return self.both + self.gained + self.lost + self.neither


def resampled(pairs: Outcomes, *, resamples: int, seed: int) -> Resampled:
    """Bayesian bootstrap over paired rows (Rubin, 1981), and one further row as an unlucky one.

    Resampling alone cannot draw what was not seen: where no row was lost it is sure that none ever will
    be. With one more row on the side that hurts, a limit where nothing was gained is exactly that of
    Clopper & Pearson (1934), and the error rate stays at the stated one (benchmark `gate_error_rates`).
    """
    import numpy as np

    shape = (pairs.both, pairs.gained, pairs.lost, pairs.neither, 1)
    drawn = np.random.default_rng(seed).standard_gamma(shape, size=(resamples, len(shape)))
    return Resampled(*drawn.T)


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


def rows_needed(pairs: Outcomes, required: float, *, confidence: float = 0.95) -> int | None:
    """How many rows would settle `kept >= required` with 80 % chance, if what was seen is the truth.

    Delta method on the ratio of two paired means; None where more rows would not help (kept <= required).
    """
    kept, theirs = pairs.kept, max(pairs.theirs, 1) / pairs.n
    # a row adds (ours - kept * theirs): its variance, by kind of row; its mean is 0
    spread = pairs.both * (1 - kept) ** 2 + pairs.gained + pairs.lost * kept**2
    return _rows(spread / pairs.n / theirs**2, kept - required, confidence)


def rows_needed_for_difference(pairs: Outcomes, allowed: float, *, confidence: float = 0.95) -> int | None:
    """How many rows would settle `difference >= -allowed` with 80 % chance; None where none would."""
    variance = (pairs.gained + pairs.lost) / pairs.n - pairs.difference**2
    return _rows(variance, pairs.difference + allowed, confidence)


def _rows(variance: float, margin: float, confidence: float) -> int | None:
    if margin <= 0:
        return None
    z = NormalDist().inv_cdf(confidence) + NormalDist().inv_cdf(POWER)
    return max(ceil(variance * (z / margin) ** 2), 1)


def _tails(confidence: float) -> tuple[float, float]:
    return (0.5 - confidence / 2, 0.5 + confidence / 2)
