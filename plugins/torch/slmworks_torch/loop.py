"""The training loop: AdamW, warmup and decay, validation after each epoch, checkpoints in between.

The last epoch is kept whose score on validation isn't more than a standard error below the best one's
(Breiman et al., 1984). The learning rate has fallen to 0 by the end, so the last epoch is the better bet
unless there is evidence against it: on some hundred rows the best score is mostly luck.
"""

import hashlib
import math
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.machine.process import cpu_name
from slmworks_torch import devices, randomness, training
from slmworks_torch.checkpoints import Checkpoints
from slmworks_torch.objective import Objective
from slmworks_torch.scoring import Score, stale
from slmworks_torch.training_options import StepOptions


@dataclass(frozen=True)
class Trained:
    """A finished training: the epoch that was kept, its score, and the speed."""

    epoch: int
    score: Score
    tokens_per_s: float
    rows_per_s: float
    stopped: int = 0
    """Epoch after which `patience` was at an end; 0 where all epochs were trained."""

    @property
    def numbers(self) -> dict[str, float]:
        """The numbers on validation (`loss`, …), `epoch`, and `stopped_epoch` where patience ended."""
        numbers = {name: round(value, 4) for name, value in self.score.numbers.items()}
        return {**numbers, "epoch": self.epoch, **({"stopped_epoch": self.stopped} if self.stopped else {})}

    @property
    def summary(self) -> dict[str, float]:
        """Those and `tokens_per_s`."""
        return {**self.numbers, "tokens_per_s": self.tokens_per_s}


@dataclass
class Progress:
    """Where a training stands: all that decides how it goes on, weights and optimizer apart."""

    epoch: int = 1
    """Epoch that is going on, from 1."""
    batch: int = 0
    """Steps of it that are done."""
    step: int = 0
    """Steps that are done in all."""
    rows: int = 0
    """Rows that were computed."""
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
    stopped: int = 0
    """Epoch after which `patience` was at an end; 0 before."""


class Loop:
    """One training of a network by an objective."""

    def __init__(self, net: Any, objective: Objective, options: StepOptions, task: Task) -> None:
        """Move the network to the GPU where there is one; its dropout is as it was set."""
        import torch

        self.net, self.objective = net.to(devices.device()), objective
        self.options, self.task = options, task
        self.rows = len(objective.lengths)
        on_processors = objective.bfloat16_on_processors
        self.precision = devices.resolved(options.precision, self.net.device, processors=on_processors)
        self.scaler = devices.scaler(self.net.device, self.precision)
        self.optimizer = torch.optim.AdamW(
            training.groups(net, options.weight_decay), lr=options.learning_rate, fused=True
        )
        self.steps = options.epochs * -(-self.rows // options.batch_size)
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
        epochs = self.objective.epochs(self.options.batch_size, self.task.seed)
        for batches in islice(epochs, self.at.epoch - 1, self.options.epochs):
            self._epoch(batches)
            self._validate()
            if self.at.stopped:
                break
            self.at.epoch, self.at.batch = self.at.epoch + 1, 0
        if not self.at.kept:
            raise TaskFailed(self.at.scores[-1].refused)
        self.net.load_state_dict(self.kept, strict=False)
        self.net.eval()
        at, seconds = self.at, max(self.at.seconds, 1e-9)
        return Trained(
            epoch=at.kept,
            score=at.scores[at.kept - 1],
            tokens_per_s=round(at.tokens / seconds, 1),
            rows_per_s=round(at.rows / seconds, 1),
            stopped=at.stopped,
        )

    def _epoch(self, batches: list[list[int]]) -> None:
        """The steps of one epoch that are still to do."""
        self.net.train()
        lengths = self.objective.lengths
        with self.objective.within_epoch():
            for rows in batches[self.at.batch :]:
                started = time.monotonic()
                loss = self._learn(rows)
                self.at.seconds += time.monotonic() - started
                self.at.tokens += sum(lengths[row] for row in rows)
                self.at.rows += len(rows)
                self.at.batch += 1
                self.at.step += 1
                self._note(loss)
                self._tell()
                if self.checkpoints.due:
                    self.checkpoints.save(self.at.step, self._state())

    def _learn(self, rows: list[int]) -> float:
        """One step; the loss is the mean over all that it weighs, however that is grouped."""
        import torch

        self.objective.begin(self.net, rows, self.at.step)
        total = self.objective.weight(rows)
        loss = 0.0
        for group in self.objective.groups(rows):
            with devices.mixed(self.net.device, self.precision):
                part = self.objective.loss(self.net, group) / total
            self.scaler.scale(part).backward()
            loss += float(part.detach())
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        share = training.share_of_rate(self.at.step, self.steps, self.options.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * share
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return loss

    def _validate(self) -> None:
        self.net.eval()
        found = self.objective.validate(self.net)
        self.at.scores.append(found)
        self._log({f"validation_{name}": value for name, value in found.numbers.items()})
        last = self.at.epoch == self.options.epochs
        if not last and 0 < self.options.patience <= stale(self.at.scores):
            last, self.at.stopped = True, self.at.epoch
        allowed = [score for score in self.at.scores if not score.refused]
        if not found.refused and not found.clearly_worse(max(allowed, key=lambda score: score.value)):
            self.at.kept = self.at.epoch
            # a copy is needed only while weights still change
            weights = [] if last else training.trained(self.net)
            self.kept = {name: weight.detach().clone() for name, weight in weights}
        if self.at.stopped:
            self._say_stopped()

    def _say_stopped(self) -> None:
        at, patience = self.at, self.options.patience
        self._log({"stopped_epoch": float(at.stopped)})
        since = "the last epoch was" if patience == 1 else f"the last {patience} epochs were"
        self.task.say(
            f"stopped after epoch {at.stopped} of {self.options.epochs}: {since} no better on validation "
            f"(patience {patience}); epoch {at.kept} is kept"
        )

    def _note(self, loss: float) -> None:
        if not math.isfinite(loss):
            raise training.diverged(loss, self.at.step, self.options, self.precision)
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
            note = f"epoch {self.at.epoch}/{self.options.epochs}"
            self.task.progress(self.at.rows, self.options.epochs * self.rows, note=note)

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
        scores = [{**vars(score), "further": dict(score.further)} for score in self.at.scores]
        return {
            "at": {**vars(self.at), "scores": scores},
            "weights": training.changed(self.net),
            "kept": self.kept,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": randomness.state(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        at = state["at"]
        self.at = Progress(**{**at, "scores": [self.objective.scored(**score) for score in at["scores"]]})
        self.net.load_state_dict(state["weights"], strict=False)
        self.kept = {name: weight.to(self.net.device) for name, weight in state["kept"].items()}
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        randomness.restore(state["random"])
        self.task.say(
            f"resumed at epoch {self.at.epoch} of {self.options.epochs}: step {self.at.step} of {self.steps} "
            "was reached by an attempt before"
        )
        for step, metrics in self.at.curves:
            self.task.log(step, **metrics)
