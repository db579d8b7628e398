"""What a network is trained for: the rows of a step, their loss, and how an epoch is judged."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks_torch.batches import shuffled_batches
from slmworks_torch.scoring import Score

if TYPE_CHECKING:
    import torch


class Objective(ABC):
    """What the training loop minimises: it asks for rows by number, and knows nothing of what they are."""

    scored: type[Score] = Score
    """What `validate` gives; a checkpoint holds its fields."""
    bfloat16_on_processors: ClassVar[bool] = True
    """`precision: auto` takes bfloat16 on a processor that has instructions for it, too."""

    @property
    @abstractmethod
    def lengths(self) -> Sequence[int]:
        """Tokens of each row that are computed; a step takes rows of similar length."""

    def epochs(self, size: int, seed: int) -> Iterator[list[list[int]]]:
        """The rows of each step, `size` at most, epoch after epoch without an end.

        Those of an epoch are known without the epochs before it.
        """
        for epoch in count(1):
            yield shuffled_batches(self.lengths, size, random.Random(f"{seed}/{epoch}"))

    def within_epoch(self) -> AbstractContextManager[None]:
        """Within it the steps of an epoch are computed."""
        return nullcontext()

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
