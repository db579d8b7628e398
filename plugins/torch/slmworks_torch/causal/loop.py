"""The training loop of causal language models: gradients added up over a step, validation after each epoch.

Which epoch is kept, and the learning rate's way up and down, are those of `slmworks_torch.training`.
"""

import hashlib
import math
import random
import time
from dataclasses import dataclass, field
from typing import Any

from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.machine.process import cpu_name
from slmworks_torch import networks, training
from slmworks_torch.batches import shuffled_batches
from slmworks_torch.causal import forward
from slmworks_torch.causal.checkpoints import Checkpoints
from slmworks_torch.causal.objective import Objective
from slmworks_torch.causal.options import RowOptions
from slmworks_torch.scoring import Score


@dataclass(frozen=True)
class Trained:
    """A finished training: the epoch that was kept, its score, and the speed."""

    epoch: int
    score: Score
    tokens_per_s: float

    @property
    def summary(self) -> dict[str, float]:
        """The numbers on validation (`loss`, …), `epoch`, `tokens_per_s`."""
        numbers = {name: round(value, 4) for name, value in self.score.numbers.items()}
        return {**numbers, "epoch": self.epoch, "tokens_per_s": self.tokens_per_s}


@dataclass
class Progress:
    """Where a training stands: all that decides how it goes on, weights and optimizer apart."""

    epoch: int = 1
    """Epoch that is going on, from 1."""
    batch: int = 0
    """Steps of it that are done."""
    step: int = 0
    """Steps that are done in all."""
    tokens: int = 0
    """Tokens that were computed, padding not counted."""
    seconds: float = 0.0
    """Time that steps took."""
    recent: list[float] = field(default_factory=list)
    """Losses since the last point of the curve."""
    scores: list[Score] = field(default_factory=list)
    """Of the epochs that are over."""
    curves: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """Step and metrics of every point that was logged."""
    kept: int = 0
    """Epoch whose weights are kept so far."""


class Loop:
    """One training of a network by an objective."""

    def __init__(self, net: Any, objective: Objective, options: RowOptions, task: Task) -> None:
        """Move the network to the GPU where there is one."""
        import torch

        self.net, self.objective = net.to(training.device()), objective
        self.options, self.task = options, task
        networks.set_dropout(net, options.dropout)
        self.optimizer = torch.optim.AdamW(
            training.groups(net, options.weight_decay), lr=options.learning_rate, fused=True
        )
        self.steps = options.epochs * -(-objective.rows // options.batch_size)
        self.every = max(1, self.steps // 100)
        self.at = Progress()
        self.kept: dict[str, torch.Tensor] = {}
        self.told = 0.0
        self.checkpoints = Checkpoints(task.checkpoints, self._belongs(), task.say)

    def run(self) -> Trained:
        """Train, and leave the network as it was after the epoch that is kept, in evaluation mode.

        What an attempt that was killed left behind is gone on from. TaskFailed where no epoch may be kept.
        """
        if state := self.checkpoints.load():
            self._restore(state)
        while self.at.epoch <= self.options.epochs:
            self._epoch()
            self._validate()
            self.at.epoch, self.at.batch = self.at.epoch + 1, 0
        if not self.at.kept:
            raise TaskFailed(self.at.scores[-1].refused)
        self.net.load_state_dict(self.kept, strict=False)
        self.net.eval()
        speed = round(self.at.tokens / max(self.at.seconds, 1e-9), 1)
        return Trained(self.at.kept, self.at.scores[self.at.kept - 1], speed)

    def _epoch(self) -> None:
        self.net.train()
        lengths = self.objective.lengths
        batches = self._batches(self.at.epoch)
        for rows in batches[self.at.batch :]:
            started = time.monotonic()
            loss = self._learn(rows)
            self.at.seconds += time.monotonic() - started
            self.at.tokens += sum(lengths[row] for row in rows)
            self.at.batch += 1
            self.at.step += 1
            self._note(loss)
            self._tell()
            if self.checkpoints.due:
                self.checkpoints.save(self.at.step, self._state())

    def _batches(self, epoch: int) -> list[list[int]]:
        """Rows of each step of an epoch: known without the epochs before it."""
        chance = random.Random(f"{self.task.seed}/{epoch}")
        return shuffled_batches(self.objective.lengths, self.options.batch_size, chance)

    def _learn(self, rows: list[int]) -> float:
        """One step; the loss is the mean over all that it weighs, however that is grouped."""
        import torch

        self.objective.begin(self.net, rows, self.at.step)
        total = self.objective.weight(rows)
        loss = 0.0
        for group in self.objective.groups(rows):
            with forward.mixed(self.net.device, self.options.precision):
                part = self.objective.loss(self.net, group) / total
            part.backward()
            loss += float(part.detach())
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        share = training.share_of_rate(self.at.step, self.steps, self.options.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * share
        self.optimizer.step()
        self.optimizer.zero_grad()
        return loss

    def _validate(self) -> None:
        self.net.eval()
        found = self.objective.validate(self.net)
        self.at.scores.append(found)
        self._log({f"validation_{name}": value for name, value in found.numbers.items()})
        allowed = [score for score in self.at.scores if not score.refused]
        if not found.refused and not found.clearly_worse(max(allowed, key=lambda score: score.value)):
            self.at.kept = self.at.epoch
            # a copy is needed only while weights still change
            last = self.at.epoch == self.options.epochs
            weights = [] if last else training.trained(self.net)
            self.kept = {name: weight.detach().clone() for name, weight in weights}

    def _note(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise training.diverged(loss, self.at.step, self.options)
        self.at.recent.append(loss)
        if self.at.step % self.every == 0:
            self._log({"loss": sum(self.at.recent) / len(self.at.recent)})
            self.at.recent.clear()

    def _log(self, metrics: dict[str, float]) -> None:
        self.at.curves.append((self.at.step, metrics))
        self.task.log(self.at.step, **metrics)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self.told > training.TELL or self.at.step == self.steps:
            self.told = now
            rows = self.objective.rows
            done = (self.at.epoch - 1) * rows + min(self.at.batch * self.options.batch_size, rows)
            note = f"epoch {self.at.epoch}/{self.options.epochs}"
            self.task.progress(done, self.options.epochs * rows, note=note)

    # --- checkpoints -------------------------------------------------------------------------------

    def _belongs(self) -> dict[str, str]:
        """What decides the bytes of this training, beside what the task's identity says."""
        import torch

        weights = [f"{name} {tuple(weight.shape)}" for name, weight in training.trained(self.net)]
        gpu = self.net.device.type == "cuda"
        return {
            "options": self.options.model_dump_json(),
            "rows": self.objective.fingerprint(),
            "weights": hashlib.sha256("\n".join(weights).encode()).hexdigest(),
            "seed": str(self.task.seed),
            "threads": str(self.task.threads),
            "device": torch.cuda.get_device_name() if gpu else cpu_name(),
            "torch": str(torch.__version__),
        }

    def _state(self) -> dict[str, Any]:
        """All that the training goes on from, as plain values and tensors."""
        import torch

        scores = [{**vars(score), "further": dict(score.further)} for score in self.at.scores]
        return {
            "at": {**vars(self.at), "scores": scores},
            "weights": {name: weight.detach() for name, weight in training.trained(self.net)},
            "kept": self.kept,
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        import torch

        at = state["at"]
        self.at = Progress(**{**at, "scores": [self.objective.scored(**score) for score in at["scores"]]})
        self.net.load_state_dict(state["weights"], strict=False)
        self.kept = {name: weight.to(self.net.device) for name, weight in state["kept"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        torch.cuda.set_rng_state_all(state["random_cuda"])
        self.task.say(f"goes on from step {self.at.step} of {self.steps}, which an attempt before reached")
        for step, metrics in self.at.curves:
            self.task.log(step, **metrics)
