"""Calibration: how far a classifier's probabilities can be believed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

BINS = 15
"""Number of bins, as in Guo et al. (2017)."""


def calibration(probabilities: "Array", truth: "Array") -> dict[str, Any]:
    """Calibration error, Brier score, negative log-likelihood, and the bins of a reliability diagram.

    `probabilities` [rows, labels], `truth` [rows] (places of the true labels). `ece` has bins of equal width
    (Naeini et al., 2015; Guo et al., 2017), `ece_equal_mass` bins of equally many rows (Nixon et al., 2019),
    which does not hang on a few nearly empty bins. `brier` is the sum over labels (Brier, 1950), 0 to 2.
    """
    import numpy as np

    shares = probabilities.astype(np.float64)
    right, sure = (shares.argmax(axis=1) == truth).astype(np.float64), shares.max(axis=1)
    wide = _bins(np.minimum((sure * BINS).astype(int), BINS - 1), sure, right)
    order = np.argsort(sure, kind="stable")
    ranks = np.empty(len(order), int)
    ranks[order] = np.arange(len(order)) * BINS // len(order)
    target = np.eye(shares.shape[1])[truth]
    likelihood = np.maximum(shares[np.arange(len(truth)), truth], 1e-12)
    return {
        "ece": round(_error(wide, len(truth)), 6),
        "ece_equal_mass": round(_error(_bins(ranks, sure, right), len(truth)), 6),
        "brier": round(float(((shares - target) ** 2).sum(axis=1).mean()), 6),
        "nll": round(float(-np.log(likelihood).mean()), 6),
        "bins": [
            {
                "low": round(i / BINS, 6),
                "high": round((i + 1) / BINS, 6),
                "n": n,
                "confidence": round(confidence, 6),
                "accuracy": round(accuracy, 6),
            }
            for i, (n, confidence, accuracy) in sorted(wide.items())
        ],
    }


def _bins(places: "Array", sure: "Array", right: "Array") -> dict[int, tuple[int, float, float]]:
    """Bin -> rows, mean confidence, accuracy; bins without rows are left out."""
    import numpy as np

    found = {}
    for i in np.unique(places):
        mine = places == i
        found[int(i)] = (int(mine.sum()), float(sure[mine].mean()), float(right[mine].mean()))
    return found


def _error(bins: dict[int, tuple[int, float, float]], n: int) -> float:
    return sum(count * abs(accuracy - sure) for count, sure, accuracy in bins.values()) / n
