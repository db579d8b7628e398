"""How sure we are: intervals, paired tests, and how many rows a decision would take.

Arrays and counts in, plain numbers out; nothing in here knows a model, a report or a gate.
Resampling rows with replacement is done by its counts: how often each *kind* of row is drawn follows a
multinomial distribution, so a bootstrap of any number of rows costs one draw a resample.
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
class Retention:
    """What share of a baseline's accuracy is kept, with a two-sided interval and a one-sided lower bound."""

    estimate: Estimate
    bound: float
    """One-sided lower bound: the true value lies above it with the confidence asked for."""

    def rounded(self) -> dict[str, float]:
        """As JSON: value, low, high and bound to 6 decimals."""
        return self.estimate.rounded() | {"bound": round(self.bound, 6)}


def retention(
    pairs: Outcomes, *, resamples: int = 10_000, seed: int = 0, confidence: float = 0.95
) -> Retention:
    """Our accuracy over theirs, by a paired percentile bootstrap (Efron & Tibshirani, 1993, ch. 13).

    Pairing counts: two models fail on the same hard rows, so their ratio is surer than either accuracy.
    """
    import numpy as np

    kinds = np.array([pairs.both, pairs.gained, pairs.lost, pairs.neither])
    drawn = np.random.default_rng(seed).multinomial(pairs.n, kinds / pairs.n, size=resamples)
    ratios = (drawn[:, 0] + drawn[:, 1]) / np.maximum(drawn[:, 0] + drawn[:, 2], 1)
    low, high, bound = np.quantile(ratios, (*_tails(confidence), 1 - confidence))
    return Retention(Estimate(pairs.kept, float(low), float(high)), float(bound))


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
    margin = pairs.kept - required
    if margin <= 0:
        return None
    kept, theirs = pairs.kept, max(pairs.theirs, 1) / pairs.n
    # a row adds (ours - kept * theirs): its variance, by kind of row; its mean is 0
    spread = pairs.both * (1 - kept) ** 2 + pairs.gained + pairs.lost * kept**2
    variance = spread / pairs.n / theirs**2
    z = NormalDist().inv_cdf(confidence) + NormalDist().inv_cdf(POWER)
    return max(ceil(variance * (z / margin) ** 2), 1)


def _tails(confidence: float) -> tuple[float, float]:
    return (0.5 - confidence / 2, 0.5 + confidence / 2)
