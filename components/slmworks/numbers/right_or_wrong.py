"""Exact Bayesian bootstrap of two models' right and wrong answers on the same rows; nothing is drawn.

In a Bayesian bootstrap (Rubin, 1981) the rows of a cell of the 2×2 table weigh, up to a common factor, as a
gamma variable whose shape is their number. Whether a ratio or a difference of shares lies below a limit is
then whether a sum of two such weights is less than a third, and as a Poisson count whose mean is
gamma distributed is negative binomial (Greenwood & Yule, 1920), that chance is a finite sum.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

PRECISION = 1e-11
"""Width, or error of the chance, at which the search for a quantile ends."""
NORMAL, NEVER = NormalDist(), 1e-9
"""Chances below `NEVER`, or as near to 1, have no normal quantile that helps."""


@dataclass(frozen=True)
class Table:
    """Rows by who answers them right: a 2×2 table of counts."""

    both: int
    gained: int
    """Right by us alone."""
    lost: int
    """Right by them alone."""
    neither: int

    def against_us(self) -> "Table":
        """With the one further row that hurts us most: they have it right, we don't (see `Paired`)."""
        return replace(self, lost=self.lost + 1)

    def for_us(self) -> "Table":
        """With the one further row that helps us most."""
        return replace(self, gained=self.gained + 1)


def ratio_below(table: Table, limit: float) -> float:
    """Chance that our share of right answers is less than `limit` times theirs, for a limit above 0."""
    if limit <= 1:  # (1 − limit) · both + gained < limit · lost
        return below((table.both, (1 - limit) / limit), (table.gained, 1 / limit), table.lost)
    return 1 - below((table.both, limit - 1), (table.lost, limit), table.gained)


def difference_below(table: Table, limit: float) -> float:
    """Chance that our share of right answers minus theirs is less than `limit`, between -1 and 1."""
    alike = table.both + table.neither
    if limit <= 0:  # (1 − limit) · gained − limit · alike < (1 + limit) · lost
        return below((alike, -limit / (1 + limit)), (table.gained, (1 - limit) / (1 + limit)), table.lost)
    return 1 - below((alike, limit / (1 - limit)), (table.lost, (1 + limit) / (1 - limit)), table.gained)


def below(first: tuple[int, float], second: tuple[int, float], shape: int) -> float:
    """Chance that a · X + b · Y < Z, of independent gamma variables with whole shapes x, y and `shape`.

    `first` is (x, a), `second` (y, b); a variable of shape 0 is 0.
    """
    if not shape:
        return 0.0
    one, other = _negative_binomial(*first, shape), _negative_binomial(*second, shape)
    return float(one @ other.cumsum()[::-1])


def ratio_quantile(table: Table, level: float) -> float:
    """The ratio of our share of right answers to theirs below which the chance is `level`."""
    part = _quantile(lambda part: ratio_below(table, part / (1 - part)), level, 0.0, 1.0)
    return part / (1 - part)


def difference_quantile(table: Table, level: float) -> float:
    """The difference of our share of right answers and theirs below which the chance is `level`."""
    return _quantile(lambda limit: difference_below(table, limit), level, -1.0, 1.0)


def _quantile(chance_below: Callable[[float], float], level: float, low: float, high: float) -> float:
    """By bisection, and by straight lines through the normal quantiles of the chances once they have some.

    An end where the chance passes `level` nowhere between.
    """
    wanted, at_low, at_high = NORMAL.inv_cdf(level), -inf, inf
    while high - low > PRECISION:
        middle = (low + high) / 2
        if at_high - at_low < inf:
            middle = low + (high - low) * (wanted - at_low) / (at_high - at_low)
        chance = chance_below(middle)
        if abs(chance - level) < PRECISION:
            return middle
        at_middle = NORMAL.inv_cdf(chance) if NEVER < chance < 1 - NEVER else inf if chance > 0.5 else -inf
        if chance < level:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
    return (low + high) / 2


def _negative_binomial(shape: int, rate: float, length: int) -> "Array":
    """Chances of 0, 1, … `length` - 1 of a Poisson count with mean `rate` times a gamma of this shape."""
    import numpy as np

    counts = np.arange(1, length)
    if not shape or not rate:
        return np.concatenate([np.ones(1), np.zeros(length - 1)])
    steps = np.log((shape + counts - 1) / counts) + np.log(rate) - np.log1p(rate)
    logarithms = np.concatenate([np.zeros(1), np.cumsum(steps)]) - shape * np.log1p(rate)
    return np.asarray(np.exp(logarithms))
