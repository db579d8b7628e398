"""Scores of one split: accuracy and macro-F1 with intervals, per class and per slice."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from slmworks.numbers import statistics

if TYPE_CHECKING:
    from slmworks.evaluate.predictions import Rows


def scores(
    truth: Sequence[str], predicted: Sequence[str], labels: Sequence[str], *, resamples: int, seed: int
) -> dict[str, Any]:
    """Accuracy (Wilson) and macro-F1 (bootstrap) with 95 % intervals, and each class by itself."""
    import numpy as np

    place = {label: i for i, label in enumerate(labels)}
    true, said = (np.array([place[label] for label in column]) for column in (truth, predicted))
    counts = statistics.confusion(true, said, len(labels))
    f1 = statistics.macro_f1_interval(counts, resamples=resamples, seed=seed)
    return {
        "n": len(truth),
        "accuracy": statistics.wilson(int((true == said).sum()), len(truth)).rounded(),
        "macro_f1": f1.rounded(),
        "classes": _classes(counts, labels),
    }


def slices(rows: "Rows") -> list[dict[str, Any]]:
    """Accuracy with its interval for every source, in the order of their names."""
    found = []
    for source in sorted(set(rows.sources)):
        right = [ok for ok, own in zip(rows.right, rows.sources, strict=True) if own == source]
        accuracy = statistics.wilson(sum(right), len(right)).rounded()
        found.append({"source": source, "n": len(right), "accuracy": accuracy})
    return found


def _classes(counts: Any, labels: Sequence[str]) -> list[dict[str, Any]]:
    found = statistics.class_scores(counts)
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
