"""The objective of supervised training of a causal language model: the answers of its rows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks_torch.causal import forward, layouts, measures
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.measures import LossScore
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.objective import Objective

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Supervised(Objective):
    """The negative log-likelihood of the rows' answers."""

    train: Examples
    held_out: Examples
    options: CausalOptions
    most: int
    """Tokens of a line of packed rows."""
    device: "torch.device"

    scored = LossScore

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each row that are computed."""
        return self.train.lengths

    def weight(self, rows: Sequence[int]) -> float:
        """Learnt tokens of the rows."""
        return float(sum(len(self.train.ids[row]) - self.train.starts[row] for row in rows))

    def groups(self, rows: Sequence[int]) -> Iterator[layouts.Batch]:
        """The rows padded to the longest of those of similar length, or packed into lines."""
        at_once = self.options.tokens_at_once
        if self.options.packing:
            for group in layouts.packed(self.train, rows, min(self.most, at_once)):
                yield layouts.packed_batch(self.train, group, self.device)
        else:
            for group in layouts.padded(self.train, rows, at_once):
                yield layouts.padded_batch(self.train, group, self.device)

    def loss(self, net: Any, group: layouts.Batch) -> "torch.Tensor":
        """Negative log-likelihood in nats."""
        return forward.losses(net, group)[0]

    def validate(self, net: Any) -> LossScore:
        """Loss and token accuracy over the answers of held-out rows."""
        most, precision = self.options.tokens_at_once, self.options.precision
        return measures.validate(net, self.held_out, most=most, precision=precision)

    def fingerprint(self) -> str:
        """Of the token ids, and of the places where answers begin."""
        return hashlib.sha256(json.dumps([self.train.ids, self.train.starts]).encode()).hexdigest()
