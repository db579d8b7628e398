"""Which of several models may be the best one: all of them judged on the same rows, resampled together."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slmworks.numbers.paired import BLOCK, Quantity
from slmworks.numbers.statistics import DRAWS

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def chances_of_best(
    counts: Sequence["Array"],
    of: Quantity,
    *,
    rivals: Sequence[Sequence[int]] | None = None,
    resamples: int = DRAWS,
    seed: int = 0,
) -> list[float]:
    """For each of several models how often, were it truly the best, it would fall so far behind another one.

    `counts`: what each row adds to the measure, [rows, counts] for each model, the rows in the same order.
    `rivals`: for each model the places of those among which it would be the best; None: all others.
    Who stops only models below a share p thereby stops the truly best one in at most p of all cases, however
    many models there are: subset selection (Gupta, 1965). The largest lead over a model, in its standard
    errors, is compared with how it spreads in a Bayesian bootstrap over rows (Rubin, 1981) that is paired
    across all models; in few rows, where that has too little to vary, the share of draws in which the model
    is ahead counts, if it is larger. Never 0 (Phipson & Smyth, 2010); 1 for one that no rival is ahead of.
    """
    import numpy as np

    stacked = np.stack([np.asarray(one, float) for one in counts], axis=1)
    kinds, rows = np.unique(stacked.reshape(len(stacked), -1), axis=0, return_counts=True)
    each = kinds.reshape(len(kinds), *stacked.shape[1:])
    lucky, unlucky = _drawn(each, rows, of, resamples, seed)
    return _chances(each, _signed(of, stacked.sum(axis=0)), lucky, unlucky, rivals)


def _chances(
    each: "Array",
    value: "Array",
    lucky: "Array",
    unlucky: "Array",
    rivals: Sequence[Sequence[int]] | None = None,
) -> list[float]:
    """The chances, from kinds of rows [kinds, models, counts], and values [models] and [draws, models]."""
    import numpy as np

    found, models = [], range(len(value))
    for i in models:
        # a twin says nothing about how far the others' leads spread
        others = [
            j for j in (models if rivals is None else rivals[i]) if not np.array_equal(each[:, i], each[:, j])
        ]
        if not others or value[i] >= value[others].max():
            found.append(1.0)
            continue
        lead = value[others] - value[i]
        spread = lucky[:, others] - unlucky[:, [i]] - lead
        errors = np.maximum(spread.std(axis=0), 1e-12)
        beyond = ((spread / errors).max(axis=1) >= (lead / errors).max()).sum()
        ahead = (lucky[:, i] >= unlucky[:, others].max(axis=1)).sum()
        found.append(float((1 + max(beyond, ahead)) / (1 + len(lucky))))
    return found


def _signed(of: Quantity, sums: "Array") -> "Array":
    return of.value(sums) if of.higher_is_better else -of.value(sums)


def _drawn(each: "Array", rows: "Array", of: Quantity, resamples: int, seed: int) -> tuple["Array", "Array"]:
    """Values in each draw [draws, models]: with one lucky, one unlucky row more.

    From kinds of rows [kinds, models, counts] and how many rows there are of each. Resampling can't draw what
    was not seen; see `Paired`.
    """
    import numpy as np

    chance, shape = np.random.default_rng(seed), (*rows, 1)
    block, drawn = max(1, BLOCK // len(shape)), []
    for start in range(0, resamples, block):
        weights = chance.standard_gamma(shape, size=(min(block, resamples - start), len(shape)))
        sums = np.tensordot(weights[:, :-1], each, axes=1)
        ends = [np.multiply.outer(weights[:, -1:], np.array(end)) for end in (of.best, of.worst)]
        drawn.append([_signed(of, sums + end) for end in ends])
    lucky, unlucky = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    return lucky, unlucky
