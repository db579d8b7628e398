"""How far answers of a smaller model are from those of the whole one."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

AT_ONCE = 1 << 20
"""Numbers in float64 at a time: 8 MB, five times over."""


def divergence(wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
    """Kullback-Leibler divergence of each row of `found` from `wanted`, nats [rows]; both are logits."""
    from torch.nn.functional import kl_div, log_softmax

    import torch

    made = []
    rows = max(1, AT_ONCE // max(1, found.shape[-1]))
    for few, whole in zip(found.split(rows), wanted.split(rows), strict=True):
        ours, theirs = log_softmax(few.double(), -1), log_softmax(whole.double(), -1)
        made.append(kl_div(ours, theirs, reduction="none", log_target=True).sum(-1))
    return torch.cat(made)


def cosine(wanted: "torch.Tensor", found: "torch.Tensor") -> "torch.Tensor":
    """1 - cosine of each row, [rows]; all rows are of length 1."""
    return 1 - (wanted * found).sum(-1).double()
