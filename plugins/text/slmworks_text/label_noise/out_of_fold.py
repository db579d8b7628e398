"""Probabilities of labels for rows that a model was not trained on: a linear one on words and their parts."""

from collections.abc import Callable, Sequence
from typing import Any

from slmworks.model_tasks.text_classification.trivial import TfidfLinear

SHARPNESS = 3.0
"""Distances to the planes of a linear SVM are mostly within -1.5 and 1; times this, their softmax tells
labels apart."""


def folds_of(given: Any, folds: int) -> Any:
    """The fold of each row: those of one label go round, in the order of the rows (uint8, [rows])."""
    import numpy as np

    order = np.argsort(given, kind="stable")
    sizes = np.bincount(given)
    rank = np.arange(len(given)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found = np.empty(len(given), "uint8")
    found[order] = rank % folds
    return found


def probabilities(
    texts: Sequence[str],
    given: Any,
    labels: int,
    folds: int,
    *,
    seed: int,
    progress: Callable[[int, int], None],
) -> Any:
    """Probabilities [rows, labels] (float64), each row's by a model that was trained on the other folds.

    Every label must have two rows. About 1.5 ms of a core a row with 77 labels; memory grows with the texts.
    """
    import numpy as np

    fold = folds_of(given, folds)
    found = np.zeros((len(texts), labels))
    for number in range(folds):
        train, judged = (np.flatnonzero(part).tolist() for part in (fold != number, fold == number))
        if len(judged):
            model = TfidfLinear([texts[i] for i in train], [f"{given[i]:09}" for i in train], seed=seed)
            found[judged] = _judged(model, [texts[i] for i in judged], labels)
        progress(number + 1, folds)
    return found


def _judged(model: TfidfLinear, texts: Sequence[str], labels: int) -> Any:
    import numpy as np

    distances = model.pipeline.decision_function(list(texts))
    known = np.array([int(name) for name in model.pipeline.classes_])
    if distances.ndim == 1:  # of two labels one plane
        distances = np.stack([-distances, distances], axis=1)
    weights = np.exp(SHARPNESS * (distances - distances.max(axis=1, keepdims=True)))
    found = np.zeros((len(texts), labels))
    found[:, known] = weights / weights.sum(axis=1, keepdims=True)
    return found
