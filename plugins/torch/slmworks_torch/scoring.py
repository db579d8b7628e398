"""Outputs of a network for many rows, and the score by which training compares its epochs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.contract.runtime import length_batches
from slmworks_torch.batches import Encoded

if TYPE_CHECKING:
    import torch
    from slmworks_torch.networks import Forward


@dataclass(frozen=True)
class Score:
    """A network's score on validation; higher is better."""

    name: str
    """`accuracy`: the curve is called `validation_accuracy`."""
    value: float
    standard_error: float
    """Of `value`, over the rows it rests on."""
    further: Mapping[str, float] = field(default_factory=dict)
    """Other numbers of the same rows, for curves and summaries; they choose no epoch."""

    @property
    def numbers(self) -> dict[str, float]:
        """All numbers by name, the deciding one first."""
        return {self.name: self.value, **self.further}

    @property
    def refused(self) -> str:
        """Why a network that scores so may not be kept, as an error's text; empty where it may."""
        return ""

    def clearly_worse(self, best: "Score") -> bool:
        """True if it is more than a standard error of `best` below it."""
        return self.value < best.value - best.standard_error


def stale(scores: Sequence[Score]) -> int:
    """How many of an epoch's scores, in a row and up to the last, are no better than the best before them."""
    best, found = -math.inf, 0
    for score in scores:
        better = not score.refused and score.value > best
        best, found = (score.value, 0) if better else (best, found + 1)
    return found


def share_error(share: float, rows: int) -> float:
    """The standard error of a share of `rows` rows."""
    return math.sqrt(share * (1 - share) / rows)


def outputs_of(
    net: Any,
    forward: "Forward",
    encoded: Encoded,
    *,
    size: int = 64,
    tell: Callable[[int], None] = lambda _done: None,
) -> "torch.Tensor":
    """Run a network on all rows; returns float32 [rows, width] in their order; `tell(done)` after each batch.

    The longest rows come first, so that a batch that doesn't fit into memory fails at once.
    """
    import torch

    net.eval()
    found, done = torch.zeros(len(encoded), 0), 0
    with torch.inference_mode():
        for batch in length_batches(list(map(len, encoded.ids)), size, longest_first=True):
            made = forward(net, encoded.batch(batch, net.device)).float().cpu()
            if not done:
                found = torch.zeros(len(encoded), made.shape[1])
            found[batch] = made
            done += len(batch)
            tell(done)
    return found
