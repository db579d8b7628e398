"""How far a student's hidden states and attention relations are from its teacher's, token by token."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hidden.inside import Kind

HIDDEN = -1e9
"""Score of a token that another one isn't compared with: finite, so that its odds are 0 and no NaN."""
TINY = 1e-12


def relation_distance(
    teacher: "Mapping[Kind, torch.Tensor]",
    student: "Mapping[Kind, torch.Tensor]",
    seen: "torch.Tensor",
    heads: int,
) -> "torch.Tensor":
    """Divergence of each token's relations to others from the teacher's, float32 nats [rows, tokens].

    A relation of queries is softmax(Q Qᵀ / √d) of vectors that were cut into `heads` pieces of d numbers
    (Wang et al., 2021); keys and values have theirs. KL(teacher ‖ student) is the mean over heads, and
    the sum over the three kinds. `seen` [rows, tokens, tokens] says which tokens a token is compared with;
    one that sees none has the distance 0. Widths may differ if both are multiples of `heads`.
    """
    with _in_full(seen):
        total = seen.new_zeros(seen.shape[:2], dtype=student["query"].float().dtype)
        for kind in teacher:
            goal, found = (relations(one[kind], seen, heads) for one in (teacher, student))
            total = total + (goal.exp() * (goal - found)).sum(dim=-1).mean(dim=1)
        return total


def relations(vectors: "torch.Tensor", seen: "torch.Tensor", heads: int) -> "torch.Tensor":
    """Log-odds of each token's relations, float32 [rows, heads, tokens, tokens], of [rows, tokens, width]."""
    pieces = vectors.float().unflatten(-1, (heads, -1)).transpose(1, 2)
    scores = pieces @ pieces.transpose(-1, -2) / pieces.shape[-1] ** 0.5
    found: torch.Tensor = scores.masked_fill(~seen.unsqueeze(1), HIDDEN).log_softmax(dim=-1)
    return found


def state_distance(teacher: "torch.Tensor", student: "torch.Tensor") -> "torch.Tensor":
    """Squared distance of states [rows, tokens, width], as a share of the teacher's square; [rows, tokens].

    The mean squared error of Jiao et al. (2020) in units that are the same for all layers and networks.
    """
    goal = teacher.float()
    return (student.float() - goal).square().sum(dim=-1) / goal.square().sum(dim=-1).clamp(min=TINY)


def _in_full(like: "torch.Tensor") -> "AbstractContextManager[Any]":
    """A context without bfloat16, whose 8 bits are too few for divergences."""
    import torch

    found: AbstractContextManager[Any] = torch.autocast(like.device.type, enabled=False)
    return found
