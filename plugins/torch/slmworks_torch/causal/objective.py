"""What a causal language model is trained for: the rows of a step, their loss, and how an epoch is judged."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks_torch.causal import forward, layouts, measures
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.measures import LossScore
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.scoring import Score

if TYPE_CHECKING:
    import torch


class Objective(ABC):
    """What the training loop minimises: it asks for rows by number, and knows nothing of what they are."""

    scored: ClassVar[type[Score]] = LossScore
    """What `validate` gives; a checkpoint holds its fields."""

    @property
    @abstractmethod
    def lengths(self) -> Sequence[int]:
        """Tokens of each row that are computed; a step takes rows of similar length."""

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return len(self.lengths)

    def begin(self, net: Any, rows: Sequence[int], step: int) -> None:  # noqa: B027 - most make nothing
        """Make what a step learns from where that depends on the network; nothing as a rule.

        Called before the rows of a step are asked for. `step` counts all steps from 0, so that what is drawn
        for one is known without those before it.
        """

    @abstractmethod
    def weight(self, rows: Sequence[int]) -> float:
        """What the loss of a step is divided by: as a rule the tokens that it learns."""

    @abstractmethod
    def groups(self, rows: Sequence[int]) -> Iterator[Any]:
        """The rows of a step in the parts that are computed together."""

    @abstractmethod
    def loss(self, net: Any, group: Any) -> "torch.Tensor":
        """The loss of one part, summed over what `weight` counts; a scalar with a gradient."""

    @abstractmethod
    def validate(self, net: Any) -> Score:
        """Score a network, which is in evaluation mode, on held-out rows."""

    @abstractmethod
    def fingerprint(self) -> str:
        """The digest of all that its losses are made of, for checkpoints; 64 hex digits."""


@dataclass(frozen=True)
class Supervised(Objective):
    """The negative log-likelihood of the rows' answers."""

    train: Examples
    held_out: Examples
    options: CausalOptions
    most: int
    """Tokens of a line of packed rows."""
    device: "torch.device"

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
