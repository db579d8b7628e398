"""Confident learning in numbers: which labels are probably wrong, and in which order."""

from typing import Any


def issues(probabilities: Any, given: Any) -> Any:
    """True for each row that belongs with confidence to another label than the given one (bool, [rows]).

    `probabilities`: [rows, labels], out of fold; `given`: [rows], positions of the labels. Confidence in a
    label is at least the mean probability of that label among the rows that have it (section 3.1); none is
    confident in a label that no row has.
    """
    import numpy as np

    own = probabilities[np.arange(len(given)), given]
    labels = probabilities.shape[1]
    counts = np.bincount(given, minlength=labels)
    usual = np.bincount(given, weights=own, minlength=labels) / np.maximum(counts, 1)
    confident = np.where((probabilities >= usual) & (counts > 0), probabilities, -1.0)
    likeliest = confident.argmax(axis=1)
    return (confident.max(axis=1) >= 0) & (likeliest != given)


def scores(probabilities: Any, given: Any, *, margin: bool) -> Any:
    """A number for each row, from 0 (probably wrong) to 1, rounded to 4 places so that machines agree.

    The probability of the given label; with `margin` its distance to the likeliest other, halved and moved
    from between -1 and 1.
    """
    import numpy as np

    rows = np.arange(len(given))
    own = probabilities[rows, given]
    if not margin:
        return np.round(own, 4)
    return np.round((own - likeliest_other(probabilities, given)[1] + 1) / 2, 4)


def likeliest_other(probabilities: Any, given: Any) -> tuple[Any, Any]:
    """The likeliest label but the given one, and its probability, for each row."""
    import numpy as np

    others = probabilities.copy()
    others[np.arange(len(given)), given] = -1.0
    best = others.argmax(axis=1)
    return best, others[np.arange(len(given)), best]
