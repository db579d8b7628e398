"""The one training loop: AdamW, warmup and decay, validation after each epoch.

The last epoch is kept whose score on validation isn't more than a standard error below the best one's
(Breiman et al., 1984). The learning rate has fallen to 0 by the end, so the last epoch is the better bet
unless there is evidence against it: on some hundred rows the best score is mostly luck.
"""

import logging
import math
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.contract.truncation import NONE, Truncation
from slmworks_torch import frozen_layers, networks
from slmworks_torch.batches import Encoded, shuffled_batches
from slmworks_torch.frozen_layers import FrozenLayers
from slmworks_torch.scoring import Score
from slmworks_torch.training_options import FreezingOptions, StepOptions, TrainingOptions

if TYPE_CHECKING:
    import torch
    from slmworks_torch.losses import Loss
    from slmworks_torch.networks import Forward

TELL = 0.3
"""Seconds between two progress events."""


@dataclass(frozen=True)
class Objective:
    """Training rows, the loss over a network's outputs for them, and the score on validation."""

    rows: Encoded
    forward: "Forward"
    """Gives the outputs that `loss` takes."""
    loss: "Loss"
    check: Callable[[], Score]
    """Scores the network as it is after an epoch."""


@dataclass(frozen=True)
class Training:
    """A finished training: the epoch that was kept, its score on validation, training rows a second."""

    epoch: int
    score: Score
    rows_per_s: float
    truncation: Truncation = NONE
    """What was cut off the training texts."""

    @property
    def summary(self) -> dict[str, float]:
        """The numbers of the score by name, `epoch`, `rows_per_s`, and the shares that were cut off."""
        numbers = {name: round(value, 4) for name, value in self.score.numbers.items()}
        return {**numbers, "epoch": self.epoch, "rows_per_s": self.rows_per_s, **self.truncation.shares}


def prepare(task: Task) -> None:
    """Give torch the task's threads and seed, and keep transformers quiet."""
    import torch

    # transformers imports torchao where it is installed, which warns of kernels that nobody uses
    for name in ("torchao", "torch.utils._pytree"):
        logging.getLogger(name).setLevel(logging.ERROR)
    from transformers.utils import logging as chatter

    torch.set_num_threads(task.threads)
    torch.manual_seed(task.seed)
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    # otherwise every new tensor is written twice
    torch.utils.deterministic.fill_uninitialized_memory = False
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()


def device() -> "torch.device":
    """The accelerator where there is one, else the processor."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(net: Any, objective: Objective, options: TrainingOptions, task: Task) -> Training:
    """Train in place and leave the network as it was after the epoch that is kept, in evaluation mode.

    TaskFailed when the loss is no longer a number.
    """
    net.to(device())
    networks.set_dropout(net, options.dropout)
    bottom = _freeze(net, objective, options, task)
    cut = objective.rows.truncation
    if warning := cut.warning("training"):
        task.say(warning)
    loop = _Loop(net, objective, options, task, bottom)
    scores: list[Score] = []
    at, kept = 0, {}
    for epoch in range(1, options.epochs + 1):
        loop.epoch(epoch)
        scores.append(objective.check())
        task.log(loop.step, **{f"validation_{name}": value for name, value in scores[-1].numbers.items()})
        if not scores[-1].clearly_worse(max(scores, key=lambda score: score.value)):
            at, kept = epoch, {name: weight.detach().clone() for name, weight in trained(net)}
    net.load_state_dict(kept, strict=False)
    net.eval()
    return Training(at, scores[at - 1], round(loop.done / loop.seconds, 1), cut)


class _Loop:
    """Optimizer, schedule and counters of one training."""

    def __init__(
        self,
        net: Any,
        objective: Objective,
        options: TrainingOptions,
        task: Task,
        bottom: FrozenLayers | None,
    ) -> None:
        import torch

        self.net, self.objective, self.options, self.task = net, objective, options, task
        self.bottom = bottom
        self.chance = random.Random(task.seed)
        self.optimizer = torch.optim.AdamW(
            groups(net, options.weight_decay), lr=options.learning_rate, fused=True
        )
        steps = options.epochs * -(-len(objective.rows) // options.batch_size)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: share_of_rate(step, steps, options.warmup)
        )
        self.every = max(1, steps // 100)
        self.step = self.done = 0
        self.seconds = self.told = 0.0
        self.recent: list[float] = []

    def epoch(self, number: int) -> None:
        """Train on every row once."""
        self.net.train()
        total = self.options.epochs * len(self.objective.rows)
        note, lengths = f"epoch {number}/{self.options.epochs}", self.objective.rows.lengths
        with self.bottom.recalled() if self.bottom else nullcontext():
            for batch in shuffled_batches(lengths, self.options.batch_size, self.chance):
                started = time.monotonic()
                self._learn(batch)
                now = time.monotonic()
                self.seconds += now - started
                self.done += len(batch)
                if now - self.told > TELL or self.done == total:
                    self.told = now
                    self.task.progress(self.done, total, note=note)

    def _learn(self, batch: list[int]) -> None:
        import torch

        given = self.objective.rows.batch(batch, self.net.device)
        if self.bottom:
            self.bottom.take(batch, self.net.device)
        loss = self.objective.loss(self.objective.forward(self.net, given), batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.schedule.step()
        self.step += 1
        self._note(float(loss.detach()))

    def _note(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise diverged(loss, self.step, self.options)
        self.recent.append(loss)
        if self.step % self.every == 0:
            self.task.log(self.step, loss=sum(self.recent) / len(self.recent))
            self.recent.clear()


def diverged(loss: float, step: int, options: StepOptions) -> TaskFailed:
    """The error of a training whose loss is no number any more."""
    return TaskFailed(
        f"the loss is {loss} at step {step}: the training diverged; lower learning_rate "
        f"(it is {options.learning_rate:g})."
    )


def share_of_rate(step: int, steps: int, warmup: float) -> float:
    """Linear up over the first `warmup` of the steps, then linear down to 0."""
    rising = max(1.0, steps * warmup)
    return min((step + 1) / rising, (steps - step) / max(1.0, steps - rising))


def trained(model: Any) -> "list[tuple[str, torch.Tensor]]":
    """Name and value of every weight that a training changes."""
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]


def groups(model: Any, decay: float) -> list[dict[str, Any]]:
    """Matrices with weight decay, vectors (biases, normalisations) without."""
    weights = [weight for _, weight in trained(model)]
    return [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": decay},
        {"params": [weight for weight in weights if weight.ndim < 2], "weight_decay": 0.0},
    ]


def _freeze(net: Any, objective: Objective, options: TrainingOptions, task: Task) -> FrozenLayers | None:
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
