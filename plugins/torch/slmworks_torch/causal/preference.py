"""Direct preference optimisation (Rafailov et al., 2023): its losses, and how an epoch is judged."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks_torch import devices
from slmworks_torch.causal import forward, layouts
from slmworks_torch.causal.pairs import Pairs, rows_of
from slmworks_torch.objective import Objective
from slmworks_torch.scoring import Score, share_error

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.dpo import DirectPreferenceOptimisation


@dataclass(frozen=True)
class Group:
    """Pairs that are computed together: first the targets of all chosen answers, then those of the others."""

    batch: layouts.Batch
    answers: "torch.Tensor"
    """int64 [answers]: the answer of each target; rejected ones are counted behind all chosen ones."""
    reference: "torch.Tensor"
    """The reference's log-probabilities of the batch's targets, float32 [answers]."""
    pairs: int


@dataclass(frozen=True)
class PairSums:
    """Sums over the tokens of some answers, float32 [2, pairs]: of the chosen ones, and of the rejected."""

    policy: "torch.Tensor"
    """Log-probabilities by the network in training, nats."""
    reference: "torch.Tensor"
    """The same by the reference."""
    tokens: "torch.Tensor"


@dataclass(frozen=True)
class PreferenceScore(Score):
    """Share of held-out pairs whose margin is above 0, and how far the network is from its reference."""

    most_drift: float = math.inf
    """Nats a token beyond which it may not be kept."""

    @property
    def refused(self) -> str:
        """An error where the drift is too large."""
        drift = self.further["drift"]
        if drift <= self.most_drift:
            return ""
        return (
            "over-trained: after every epoch the model was further from its reference than most_drift allows "
            f"({drift:.3g} nats a token after the last one, of {self.most_drift:g}); lower learning_rate or "
            "epochs, or raise beta."
        )


@dataclass(frozen=True)
class Preference(Objective):
    """The loss of pairs against a reference whose log-probabilities are known."""

    train: Pairs
    held_out: Pairs
    reference: "Sequence[Sequence[torch.Tensor]]"
    """Of train and of held_out: for each row the log-probabilities of its answer, float32 [tokens]."""
    options: "DirectPreferenceOptimisation"
    device: "torch.device"

    scored = PreferenceScore

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each pair that are computed."""
        return self.train.lengths

    def weight(self, rows: Sequence[int]) -> float:
        """Number of pairs: each weighs the same."""
        return float(len(rows))

    def groups(self, rows: Sequence[int]) -> Iterator[Group]:
        """The pairs of a step, padded to the longest of those of similar length."""
        return self._groups(self.train, self.reference[0], rows)

    def loss(self, net: Any, group: Group) -> "torch.Tensor":
        """Loss summed over pairs, with the chosen answers' likelihood where `sft` says so."""
        sums = summed(group, forward.log_likelihoods(net, group.batch))
        loss = losses(sums, self.options).sum()
        if self.options.sft:
            loss = loss - self.options.sft * (sums.policy[0] / sums.tokens[0]).sum()
        return loss

    def validate(self, net: Any) -> PreferenceScore:
        """Win rate, mean margin, loss and drift over held-out pairs, and how often the chosen is likelier."""
        import torch

        found: list[torch.Tensor] = []
        with torch.inference_mode(), devices.mixed(self.device, self.options.precision):
            for group in self._groups(self.held_out, self.reference[1], range(len(self.held_out))):
                each = forward.log_likelihoods(net, group.batch)
                found.append(self._judged(group, each).double().cpu())
        numbers = torch.cat(found, dim=1)
        wins, margin, loss, likelier, drift, tokens = numbers.sum(dim=1).tolist()
        pairs = numbers.shape[1]
        further = {
            "margin": margin / pairs,
            "loss": loss / pairs,
            "preferred": likelier / pairs,
            "drift": drift / tokens,
        }
        # of a share of 0 or 1 the standard error is 0, which no number of rows warrants
        error = max(share_error(wins / pairs, pairs), share_error(1 / (pairs + 1), pairs))
        return PreferenceScore("win_rate", wins / pairs, error, further, self.options.most_drift)

    def fingerprint(self) -> str:
        """Of the token ids, of the places where answers begin, and of the reference's log-probabilities."""
        found = hashlib.sha256()
        for pairs, known in zip((self.train, self.held_out), self.reference, strict=True):
            found.update(json.dumps([pairs.answers.ids, pairs.answers.starts]).encode())
            for row in known:
                found.update(row.numpy().tobytes())
        return found.hexdigest()

    def _groups(self, pairs: Pairs, known: "Sequence[torch.Tensor]", rows: Sequence[int]) -> Iterator[Group]:
        import torch

        for group in pairs.groups(rows, self.options.tokens_at_once):
            batch, size = pairs.batch(group, self.device), len(group)
            reference = torch.cat([known[row] for row in rows_of(group)]).to(self.device)
            yield Group(batch, batch.owners % 2 * size + batch.lines % size, reference, size)

    def _judged(self, group: Group, policy: "torch.Tensor") -> "torch.Tensor":
        """Win, margin, loss, chosen likelier, drift and its tokens, of each pair, float32 [6, pairs]."""
        import torch

        sums = summed(group, policy)
        margin = self.options.beta * gap(sums, self.options)
        squares = summed(group, (policy - group.reference) ** 2 / 2).policy[0]
        return torch.stack(
            [
                (margin > 0).float(),
                margin,
                losses(sums, self.options),
                (sums.policy[0] > sums.policy[1]).float(),
                squares,
                sums.tokens[0],
            ]
        )


def summed(group: Group, policy: "torch.Tensor") -> PairSums:
    """Sums over the answers of a group; `policy`: a number for each target, float32 [answers]."""
    import torch

    def over(values: "torch.Tensor") -> "torch.Tensor":
        sums = torch.zeros(2 * group.pairs, device=values.device, dtype=values.dtype)
        return sums.index_add(0, group.answers, values).view(2, group.pairs)

    return PairSums(over(policy), over(group.reference), over(torch.ones_like(group.reference)))


def gap(sums: PairSums, options: "DirectPreferenceOptimisation") -> "torch.Tensor":
    """How much more than the reference the network prefers the chosen answers, nats [pairs]."""
    ratios = sums.policy - sums.reference
    if options.length_normalised:
        ratios = ratios / sums.tokens
    return ratios[0] - ratios[1]


def losses(sums: PairSums, options: "DirectPreferenceOptimisation") -> "torch.Tensor":
    """The loss of each pair, float32 [pairs]."""
    from torch.nn import functional

    found = gap(sums, options)
    if options.loss == "ipo":
        return (found - 1 / (2 * options.beta)) ** 2
    margin, wrong = options.beta * found, options.label_smoothing
    return -(1 - wrong) * functional.logsigmoid(margin) - wrong * functional.logsigmoid(-margin)
