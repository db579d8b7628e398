"""Loss functions of extractive readers: the right first and last word, or those that a teacher chooses."""

from typing import TYPE_CHECKING

from slmworks_torch.words.reading import NOWHERE, UNKNOWN, PairWindows

if TYPE_CHECKING:
    import torch
    from slmworks_torch.losses import Loss


def cross_entropy(own: PairWindows) -> "Loss":
    """Mean cross-entropy of first and last word, over those windows that somebody has marked."""
    from torch.nn import functional

    import torch

    goals = torch.tensor(own.goals)

    def loss(outputs: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        found, _ = own.choices(outputs, batch)
        wanted = goals[batch].to(outputs.device)
        known = int((wanted[:, 0] != UNKNOWN).sum())
        total = functional.cross_entropy(
            found.flatten(0, 1), wanted.flatten(), ignore_index=UNKNOWN, reduction="sum"
        )
        return total / max(1, 2 * known)

    return loss


def distillation(
    own: PairWindows, teacher: "torch.Tensor", *, temperature: float, alpha: float, mse: float
) -> "Loss":
    """Distance of a student's choices from its teacher's in each window, plus `alpha` times the labels' loss.

    `teacher`: of each word of all contexts the logits that it is first, that it is last, and those of no
    answer beside it, float32 [words, 4]. Per window the mean over first and last word of
    T² · KL(teacher ‖ student), both softened by T (Hinton et al., 2015), plus `mse` times the squared
    difference of the logits (Ba & Caruana, 2014).
    """
    from torch.nn import functional

    import torch

    starts, hard = own.starts, cross_entropy(own)

    def wanted(window: int, most: int) -> "torch.Tensor":
        words = [starts[own.row[window]] + word for word, _, _ in own.own[window]]
        found = torch.full((2, 1 + most), NOWHERE)
        if words:
            found[:, 1 : 1 + len(words)] = teacher[words, :2].T
            found[:, 0] = teacher[words[len(words) // 2], 2:]
        else:
            found[:, 0] = 0
        return found

    def loss(outputs: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        found, real = own.choices(outputs, batch)
        goal = torch.stack([wanted(window, real.shape[1] - 1) for window in batch]).to(outputs.device)
        soft = functional.log_softmax(goal / temperature, dim=2)
        given = functional.log_softmax(found / temperature, dim=2)
        total = functional.kl_div(given, soft, reduction="sum", log_target=True) * temperature**2
        total = total / (2 * len(batch))
        if mse:
            mask = real[:, None].expand_as(found)
            total = total + mse * functional.mse_loss(found[mask], goal[mask])
        return total + alpha * hard(outputs, batch) if alpha else total

    return loss
