"""Training of networks that give one output a text: classifiers, embedding models, their students."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.contract.stage import Task
from slmworks.contract.truncation import NONE, Truncation
from slmworks_torch import frozen_layers, networks
from slmworks_torch.batches import Encoded, shuffled_batches
from slmworks_torch.devices import device
from slmworks_torch.frozen_layers import FrozenLayers
from slmworks_torch.loop import Loop, Trained
from slmworks_torch.objective import Objective
from slmworks_torch.scoring import Score
from slmworks_torch.training_options import FreezingOptions, TrainingOptions

if TYPE_CHECKING:
    import torch
    from slmworks_torch.losses import Loss
    from slmworks_torch.networks import Forward


@dataclass(frozen=True)
class TextObjective(Objective):
    """Training rows, the loss over a network's outputs for them, and the score on validation."""

    rows: Encoded
    forward: "Forward"
    """Gives the outputs that `loss` takes."""
    batch_loss: "Loss"
    """The loss of a batch, its mean over rows."""
    check: Callable[[], Score]
    """Scores the network as it is after an epoch."""
    targets: "Sequence[torch.Tensor | Sequence[float]]" = ()
    """What `batch_loss` compares outputs with: a checkpoint of other ones is not taken."""
    scored: type[Score] = Score
    bottom: FrozenLayers | None = None
    """What the lowest layers give, where it was computed beforehand."""

    bfloat16_on_processors: ClassVar[bool] = False

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each text."""
        return self.rows.lengths

    def epochs(self, size: int, seed: int) -> Iterator[list[list[int]]]:
        """The rows of each step; one source of chance for all epochs, so those before are drawn, too."""
        chance, lengths = random.Random(seed), self.lengths
        while True:
            yield shuffled_batches(lengths, size, chance)

    def within_epoch(self) -> AbstractContextManager[None]:
        """Within it layers that stay as they are give what was computed beforehand."""
        return self.bottom.recalled() if self.bottom else nullcontext()

    def weight(self, rows: Sequence[int]) -> float:
        """The loss of a batch is a mean already."""
        del rows
        return 1.0

    def groups(self, rows: Sequence[int]) -> Iterator[list[int]]:
        """The whole batch at once."""
        yield list(rows)

    def loss(self, net: Any, group: list[int]) -> "torch.Tensor":
        """The mean over a batch; what follows the network's outputs is computed in float32."""
        import torch

        given = self.rows.batch(group, net.device)
        if self.bottom:
            self.bottom.take(group, net.device)
        outputs = self.forward(net, given).float()
        with torch.autocast(net.device.type, enabled=False):
            return self.batch_loss(outputs, group)

    def validate(self, net: Any) -> Score:
        """Score in float32, as a model is evaluated."""
        del net
        return self.check()

    def fingerprint(self) -> str:
        """Of the token ids, and of what outputs are compared with."""
        import torch

        found = hashlib.sha256(json.dumps(self.rows.ids).encode())
        for part in self.targets:
            found.update(torch.as_tensor(part).contiguous().cpu().numpy().tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Training:
    """A finished training, and what was cut off its texts."""

    trained: Trained
    truncation: Truncation = NONE

    @property
    def epoch(self) -> int:
        """The epoch that was kept."""
        return self.trained.epoch

    @property
    def score(self) -> Score:
        """Its score on validation."""
        return self.trained.score

    @property
    def rows_per_s(self) -> float:
        """Training rows a second."""
        return self.trained.rows_per_s

    @property
    def summary(self) -> dict[str, float]:
        """The numbers of the score by name, `epoch`, `rows_per_s`, and the shares that were cut off."""
        return {**self.trained.numbers, "rows_per_s": self.rows_per_s, **self.truncation.shares}


def train(net: Any, objective: TextObjective, options: TrainingOptions, task: Task) -> Training:
    """Train in place and leave the network as it was after the epoch that is kept, in evaluation mode.

    TaskFailed when the loss is no longer a number.
    """
    networks.set_dropout(net.to(device()), options.dropout)
    bottom = _freeze(net, objective, options, task)
    cut = objective.rows.truncation
    if warning := cut.warning("training"):
        task.say(warning)
    return Training(Loop(net, replace(objective, bottom=bottom), options, task).run(), cut)


def _freeze(net: Any, objective: TextObjective, options: TrainingOptions, task: Task) -> FrozenLayers | None:
    """No gradient for embeddings and layers that stay; what the layers give, where it was computed."""
    if options.freeze_embeddings:
        # the block of that name, or the token table where there is none
        block = getattr(net.base_model, "embeddings", None) or net.get_input_embeddings()
        block.requires_grad_(False)
    if not isinstance(options, FreezingOptions) or not options.freeze_layers:
        return None
    rows, forward = objective.rows, objective.forward
    layers = frozen_layers.freeze(net, options.freeze_layers, rows, forward)
    return frozen_layers.compute(net, layers, rows, forward, task.scratch / "states.npy")
