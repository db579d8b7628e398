"""Numbers of a classifier that need all rows of a split at once: macro-F1 and the scores of each class."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slmworks.numbers.statistics import Estimate, percentiles

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


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
    """Macro-F1 with a percentile bootstrap over rows (Efron & Tibshirani, 1993, ch. 13).

    At least so many `resamples` are drawn: more until the third decimal of both ends stands (`percentiles`).
    """
    import numpy as np

    true, said = np.nonzero(counts)  # a cell is a kind of row
    weights, n = counts[true, said], int(counts.sum())
    classes = np.arange(len(counts))
    in_true, in_said = true[:, None] == classes, said[:, None] == classes

    def scores(draws: int) -> "Array":
        drawn = np.random.default_rng(seed).multinomial(n, weights / n, size=draws).astype(float)
        right = drawn @ (in_true & in_said)
        total = drawn @ in_true + drawn @ in_said
        return np.asarray((2 * right / np.maximum(total, 1)).sum(axis=1) / (total > 0).sum(axis=1))

    low, high = percentiles(scores, len(weights), resamples=resamples, confidence=confidence)
    return Estimate(macro_f1(counts), low, high)


def classes(counts: "Array", labels: Sequence[str]) -> list[dict[str, Any]]:
    """Precision, recall, F1 and rows of each class, as JSON, from a confusion matrix."""
    found = class_scores(counts)
    return [
        {
            "label": label,
            "precision": round(float(found["precision"][i]), 6),
            "recall": round(float(found["recall"][i]), 6),
            "f1": round(float(found["f1"][i]), 6),
            "support": int(found["support"][i]),
        }
        for i, label in enumerate(labels)
    ]
