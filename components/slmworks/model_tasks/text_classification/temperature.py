"""Temperature scaling: one number that makes a classifier's probabilities as sure as it is right."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

ENDS = (0.05, 20.0)
"""Between these it is looked for."""
STEPS = 60
GOLDEN = 0.6180339887498949


def fitted(logits: "Array", truth: "Array") -> float:
    """The temperature of the least log loss (Guo et al., 2017), to 4 decimals.

    `logits` [rows, labels], `truth` [rows] (places of the true labels). Golden-section search over its
    logarithm: the log loss has one minimum.
    """
    import math

    import numpy as np

    outputs = logits.astype(np.float64)
    rows = np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        scaled = outputs / math.exp(log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[rows, truth]).mean())

    low, high = (math.log(end) for end in ENDS)
    for _ in range(STEPS):
        gap = GOLDEN * (high - low)
        if loss(high - gap) < loss(low + gap):
            high = low + gap
        else:
            low = high - gap
    return round(math.exp((low + high) / 2), 4)
