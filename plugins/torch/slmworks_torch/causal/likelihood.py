"""How likely a network finds some tokens, in the memory of its logits."""

from typing import Any

import torch

ROWS = 64
"""Places whose logits are summed up together."""


class LogLikelihood(torch.autograd.Function):  # type: ignore[misc]
    """Log-probabilities of tokens, nats [places]; of logits [places, vocabulary] and int64 targets [places].

    torch's log_softmax and the choice from it keep a table of that size beside the logits, and make two more
    on the way back. Here the gradient takes the place of the logits, so nothing else may use them.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Each target's logit less the logarithm of the sum of all."""
        norms = torch.cat([some.logsumexp(dim=1) for some in logits.split(ROWS)])
        ctx.save_for_backward(logits, targets, norms)
        return logits.gather(1, targets[:, None])[:, 0] - norms

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, given: torch.Tensor) -> tuple[torch.Tensor, None]:
        """1 at the target less the probabilities, times what is given for each place."""
        logits, targets, norms = ctx.saved_tensors
        found = logits.sub_(norms[:, None]).exp_().mul_(-given[:, None])
        right = found.gather(1, targets[:, None]) + given[:, None]
        return found.scatter_(1, targets[:, None], right), None
