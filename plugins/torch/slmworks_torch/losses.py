"""Loss functions over the outputs of one batch and the numbers of its rows."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.Tensor, list[int]], torch.Tensor]
    """Takes a network's outputs [batch, width] and the numbers of their rows; returns what is minimised."""


def cross_entropy(classes: Sequence[int], weights: Sequence[float] | None = None) -> "Loss":
    """Mean cross-entropy of logits [batch, labels] with the right class of each row.

    `weights`, one a label: a row's cross-entropy is multiplied by that of its label. The mean stays one over
    rows, so that a batch without rare labels counts no more than it should.
    """
    lost = labels_lost(len(classes), classes, weights)

    def loss(logits: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        return lost(logits, batch) / len(batch)

    return loss


def distillation(
    teacher: "torch.Tensor",
    classes: Sequence[int],
    *,
    temperature: float,
    alpha: float,
    mse: float,
    weights: Sequence[float] | None = None,
) -> "Loss":
    """Distance of a student's logits from its teacher's, and from the labels where there are any.

    `teacher` holds logits [rows, labels]; the first `len(classes)` rows are labelled. Per row:
    T² · KL(teacher ‖ student), both softened by T (Hinton et al., 2015), plus `mse` times the squared
    difference of the logits (Ba & Caruana, 2014), plus `alpha` times the cross-entropy, times
    the label's one of `weights`; then the mean.
    """
    from torch.nn import functional

    soft = functional.log_softmax(teacher / temperature, dim=1)
    hard = labels_lost(len(teacher), classes, weights)

    def loss(logits: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        total = softened(soft[batch].to(logits.device), logits, temperature)
        if mse:
            total = total + mse * functional.mse_loss(logits, teacher[batch].to(logits.device))
        if alpha:
            total = total + alpha * hard(logits, batch) / len(batch)
        return total

    return loss


def softened(goal: "torch.Tensor", logits: "torch.Tensor", temperature: float) -> "torch.Tensor":
    """T² · KL(teacher ‖ student), the mean over rows; `goal`: the teacher's log-odds, softened by T."""
    from torch.nn import functional

    given = functional.log_softmax(logits / temperature, dim=1)
    return functional.kl_div(given, goal, reduction="batchmean", log_target=True) * temperature**2


def labels_lost(rows: int, classes: Sequence[int], weights: Sequence[float] | None = None) -> "Loss":
    """The sum over a batch of the cross-entropy, each row's times the one of `weights` of its label.

    It is 0 for all but the first `len(classes)` of the rows.
    """
    from torch.nn import functional

    import torch

    wanted = torch.full((rows,), -1)
    wanted[: len(classes)] = torch.tensor(classes, dtype=wanted.dtype)
    heavy = None if weights is None else torch.tensor(weights, dtype=torch.float32)

    def loss(logits: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        goal = wanted[batch].to(logits.device)
        counted = None if heavy is None else heavy.to(logits.device)
        return functional.cross_entropy(logits, goal, counted, ignore_index=-1, reduction="sum")

    return loss
