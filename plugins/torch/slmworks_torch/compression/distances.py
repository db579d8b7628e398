"""How far answers of a smaller model are from those of the whole one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def divergence(wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
    """Kullback-Leibler divergence of each row of `found` from `wanted`, nats [rows]; both are logits."""
    from torch.nn.functional import kl_div, log_softmax

    ours, theirs = log_softmax(found.double(), -1), log_softmax(wanted.double(), -1)
    made: torch.Tensor = kl_div(ours, theirs, reduction="none", log_target=True).sum(-1)
    return made


def cosine(wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
    """1 - cosine of each row, [rows]; all rows are of length 1."""
    return 1 - (wanted * found).sum(-1).double()
