"""How far one causal language model is from another: beginnings to continue, and the divergence there.

Whoever packs, converts or quantizes a generator asks both models the same. Logits are numpy arrays, so that a
library of any kind can say them.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    _Array = np.ndarray[Any, Any]

BEGINNINGS = (
    "The capital of France is",
    "def fibonacci(n):\n    if n < 2:\n        return n\n",
    "Once upon a time, in 1823, there lived",
    "Q: Wie heißt die Hauptstadt von Deutschland?\nA:",
)
"""Texts that a model continues."""
STEPS = 24
"""Tokens of each continuation."""


def torch_logits(network: Any, ids: Sequence[int]) -> "_Array":
    """A torch network's logits at every place, float32 [len(ids), vocabulary]."""
    import torch

    with torch.inference_mode():
        found: _Array = network(input_ids=torch.tensor([list(ids)])).logits[0].float().numpy()
    return found


def log_softmax(logits: "_Array") -> "_Array":
    """Log-probabilities of one place."""
    import numpy as np

    shifted = logits - logits.max()
    found: _Array = shifted - np.log(np.exp(shifted).sum())
    return found


def mean_divergence(pairs: "Iterable[tuple[_Array, _Array]]") -> float:
    """Kullback-Leibler divergence (nats) of the second logits from the first, the mean over all places.

    Arrays are [places, vocabulary]; NaN where there is no place.
    """
    import numpy as np

    found = []
    for first, second in pairs:
        for row, other in zip(first, second, strict=True):
            theirs, ours = log_softmax(row), log_softmax(other)
            found.append(float((np.exp(theirs) * (theirs - ours)).sum()))
    return sum(found) / len(found) if found else float("nan")
