"""Validation of a causal language model: loss, perplexity and token accuracy over learnt tokens."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks_torch import devices
from slmworks_torch.causal import forward, layouts
from slmworks_torch.causal.examples import Examples
from slmworks_torch.devices import Precision
from slmworks_torch.scoring import Score

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.teacher_tokens import TeacherTokens


@dataclass(frozen=True)
class LossScore(Score):
    """A score whose `value` is the negative loss, so that higher is better as for every score."""

    @property
    def numbers(self) -> dict[str, float]:
        """`loss` (nats a token), `perplexity`, and the other numbers."""
        return {"loss": -self.value, "perplexity": _perplexity(-self.value), **self.further}


def validate(net: Any, examples: Examples, *, most: int, precision: Precision) -> LossScore:
    """Score a network as it is; `most` tokens are computed together."""
    import torch

    net.eval()
    rows = len(examples)
    sums = torch.zeros(3, rows, dtype=torch.float64)
    with torch.inference_mode(), devices.mixed(net.device, precision):
        for group in layouts.padded(examples, range(rows), most):
            batch = layouts.padded_batch(examples, group, net.device)
            each, found = forward.losses(net, batch, "none")
            right = (found.argmax(dim=1) == batch.targets).double()
            for place, values in enumerate((each.double(), torch.ones_like(right), right)):
                sums[place].index_add_(0, batch.owners.cpu(), values.cpu())
    return score(sums)


def agreement(net: Any, examples: Examples, said: "TeacherTokens", *, most: int) -> float:
    """Share of the learnt tokens of rows at which a network's likeliest token is its teacher's.

    `said`: what the teacher says of these rows; `most` tokens are computed together.
    """
    import torch

    net.eval()
    same = total = 0
    with torch.inference_mode():
        for group in layouts.padded(examples, range(len(examples)), most):
            batch = layouts.padded_batch(examples, group, net.device)
            ids, logprobs = said.of(batch.owners)
            theirs = ids.gather(1, logprobs.argmax(dim=1, keepdim=True))[:, 0]
            same += int((forward.logits(net, batch).argmax(dim=1) == theirs).sum())
            total += len(theirs)
    return same / total


def score(sums: "torch.Tensor") -> LossScore:
    """The score of sums [loss, tokens, right tokens] a row; its standard error is over rows."""
    lost, tokens, right = sums
    loss = float(lost.sum() / tokens.sum())
    error = float(((lost - loss * tokens) ** 2).sum().sqrt() / tokens.sum())
    return LossScore("loss", -loss, error, {"token_accuracy": float(right.sum() / tokens.sum())})


def _perplexity(loss: float) -> float:
    return math.exp(min(loss, 700.0))
