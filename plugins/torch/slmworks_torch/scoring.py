"""Logits for many rows, and how good they are."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks_torch.batches import Encoded, sorted_batches

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Quality:
    """Share of right answers and the mean F1 of the classes, both 0…1, and how many rows they rest on."""

    accuracy: float
    macro_f1: float
    rows: int

    def clearly_worse(self, best: "Quality") -> bool:
        """Whether the accuracy is more than a standard error of `best` below it."""
        error = math.sqrt(best.accuracy * (1 - best.accuracy) / best.rows)
        return self.accuracy < best.accuracy - error


def logits_of(
    model: Any, encoded: Encoded, *, size: int = 64, tell: Callable[[int], None] | None = None
) -> "torch.Tensor":
    """The model's logits, float32 [rows, labels], in the order of the rows; `tell(done)` after each batch."""
    import torch

    model.eval()
    found = torch.zeros(len(encoded), model.config.num_labels)
    done = 0
    with torch.inference_mode():
        for batch in sorted_batches(encoded, size):
            found[batch] = model(**encoded.batch(batch, model.device)).logits.float().cpu()
            done += len(batch)
            if tell:
                tell(done)
    return found


def quality(logits: "torch.Tensor", classes: Sequence[int]) -> Quality:
    """Accuracy and macro-F1 of logits [rows, labels]; classes nobody has or predicts don't count."""
    import torch

    count = logits.shape[1]
    wanted, given = torch.tensor(classes), logits.argmax(dim=1)
    table = torch.bincount(wanted * count + given, minlength=count * count).reshape(count, count).double()
    right, either = table.diagonal(), table.sum(dim=0) + table.sum(dim=1)
    present = either > 0
    f1 = 2 * right[present] / either[present]
    return Quality(float(right.sum() / table.sum()), float(f1.mean()), len(classes))
