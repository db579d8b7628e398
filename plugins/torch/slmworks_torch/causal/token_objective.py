"""The loss of a student that matches its teacher's likeliest tokens."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks_torch.causal import forward, layouts
from slmworks_torch.causal.divergences import Kind, between, student_outcomes, teacher_outcomes
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.causal.teacher_tokens import TeacherTokens

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TokenMatch(Supervised):
    """The divergence from the teacher at each token of the answers, and `alpha` times their own loss.

    Epochs are judged by the loss of the held-out answers, as in every training of a generator: that needs no
    teacher, and is one number for all divergences, temperatures and k.
    """

    said: TeacherTokens
    """Of the rows in `train`."""
    kind: Kind
    temperature: float
    beta: float
    alpha: float

    def loss(self, net: Any, group: layouts.Batch) -> "torch.Tensor":
        """Divergence (times T²) and weighted negative log-likelihood in nats."""
        logits = forward.logits(net, group).float()
        ids, logprobs = self.said.of(group.owners)
        student, norm = student_outcomes(logits, ids)
        teacher = teacher_outcomes(ids, logprobs, vocabulary=logits.shape[1])
        found = between(teacher, student, kind=self.kind, temperature=self.temperature, beta=self.beta).sum()
        if self.alpha:
            right = logits.gather(1, group.targets[:, None])[:, 0]
            found = found + self.alpha * (norm - right).sum()
        return found

    def fingerprint(self) -> str:
        """Of the rows, and of what the teacher says of them."""
        found = hashlib.sha256(super().fingerprint().encode())
        for part in (self.said.ids, self.said.logprobs):
            found.update(part.data)
        return found.hexdigest()
