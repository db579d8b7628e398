"""Scores by which a classifier's questions are told from those that it wasn't made for.

This file stands alone, as `onnx` does: a release carries it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SCOPE_SCORES = ("energy", "max-softmax", "max-logit")
"""Liu et al. (2020); Hendrycks & Gimpel (2017); Hendrycks et al. (2022)."""


def scope_scores(
    logits: "np.ndarray[Any, Any]", score: str, temperature: float = 1.0
) -> "np.ndarray[Any, Any]":
    """Scores [rows] of logits [rows, labels]; more is surer that a text is in scope.

    `energy`: temperature x log of the sum of exp(logits / temperature), the negative of the energy;
    `max-softmax`: the largest probability at this temperature; `max-logit`: the largest logit.
    """
    import numpy as np

    scaled = logits.astype(np.float64) / temperature
    largest = scaled.max(axis=-1)
    if score == "max-logit":
        return np.asarray(largest * temperature)
    log_sum = largest + np.log(np.exp(scaled - largest[..., None]).sum(axis=-1))
    if score == "max-softmax":
        return np.asarray(np.exp(largest - log_sum))
    if score == "energy":
        return np.asarray(temperature * log_sum)
    raise ValueError(f"no score of scope is called '{score}'; known: {', '.join(SCOPE_SCORES)}.")
