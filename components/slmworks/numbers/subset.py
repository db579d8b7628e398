"""Which of several models may be the best one: all of them judged on the same rows, resampled together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slmworks.numbers.paired import BLOCK, Quantity
from slmworks.numbers.statistics import DRAWS

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def chances_of_best(
    counts: Sequence["Array"], of: Quantity, *, resamples: int = DRAWS, seed: int = 0
) -> list[float]:
    """For each of several models how often, were it truly the best, it would fall so far behind the first.

    `counts`: what each row adds to the measure, [rows, counts] for each model, the rows in the same order.
    Who stops only models below a share p thereby stops the truly best one in at most p of all cases, however
    many models there are: subset selection (Gupta, 1965), the spread of the largest lead drawn by a Bayesian
    bootstrap over rows (Rubin, 1981) that is paired across all models. Never 0 (Phipson & Smyth, 2010).
    """
    import numpy as np

    models = len(counts)
    if models == 1:
        return [1.0]
    kinds, rows = np.unique(np.concatenate(counts, axis=1), axis=0, return_counts=True)
    each = kinds.reshape(len(kinds), models, -1)
    sign = 1.0 if of.higher_is_better else -1.0
    value = sign * of.value(np.einsum("k,kmc->mc", rows.astype(float), each))
    behind = _largest_other(value[None])[0] - value
    chance, shape = np.random.default_rng(seed), (*rows, 1)
    block, beyond = max(1, BLOCK // len(shape)), np.zeros(models)
    for start in range(0, resamples, block):
        weights = chance.standard_gamma(shape, size=(min(block, resamples - start), len(shape)))
        sums = np.einsum("dk,kmc->dmc", weights[:, :-1], each, optimize=True)
        # resampling can't draw what was not seen: one further row is lucky for the others, unlucky for it
        lucky, unlucky = (
            sign * of.value(sums + np.multiply.outer(weights[:, -1:], np.array(end)))
            for end in (of.best, of.worst)
        )
        beyond += (_largest_other(lucky - value) - (unlucky - value) >= behind).sum(axis=0)
    return [float(share) for share in (1 + beyond) / (1 + resamples)]


def _largest_other(values: "Array") -> "Array":
    """For each column [draws, models] the largest value among the other columns."""
    import numpy as np

    two = np.sort(values, axis=1)[:, -2:]
    return np.where(values == two[:, 1:], two[:, :1], two[:, 1:])
