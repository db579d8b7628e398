"""The objective of on-policy distillation: a teacher that judges, token by token, what its student says."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.model_tasks.text_generation.hf_draws import Draw, drawn
from slmworks_torch import devices
from slmworks_torch.causal import forward, measures
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.divergences import divergence
from slmworks_torch.causal.examples import Examples
from slmworks_torch.causal.layouts import Batch
from slmworks_torch.causal.measures import LossScore
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.objective import Objective

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.on_policy import OnPolicyKD


@dataclass
class LiveTeacher(Objective):
    """The divergence from a teacher on labels and on answers that the student writes in the same step.

    What is written in a step is drawn by the seed, the step and the row alone, so that a training goes on
    from a checkpoint as if it had never stopped.
    """

    asked: Examples
    """Rows with a label, then those without: their answer is the token that ends it."""
    labelled: int
    """Number of rows with a label."""
    held_out: Examples
    student: ChatModel
    teacher: Any
    """The teacher's network, in evaluation mode."""
    table: "torch.Tensor | None"
    """The teacher's id of each of the student's tokens, int64 [tokens]; None where they are the same."""
    options: "OnPolicyKD"
    most: int
    """Tokens of a row."""
    answer: int
    """Tokens that the student writes at most."""
    seed: int
    written: int = 0
    """Tokens that the student has written since this attempt began."""
    now: Supervised = field(init=False)
    """The rows of the step that is going on."""

    scored = LossScore

    @property
    def lengths(self) -> Sequence[int]:
        """Tokens of each row as it was given."""
        return self.asked.lengths

    def begin(self, net: Any, rows: Sequence[int], step: int) -> None:
        """Let the student answer its share of the rows, all at once."""
        own = self._own(rows, step)
        answers = self._answers(net, own, step)
        ids = [self._prompt(row) + answers[row] if row in answers else self.asked.ids[row] for row in rows]
        made = Examples(ids, [self.asked.starts[row] for row in rows])
        self.written += sum(map(len, answers.values()))
        self.now = Supervised(made, self.held_out, self.options, self.most, net.device)

    def weight(self, rows: Sequence[int]) -> float:
        """Tokens of the step's answers."""
        return self.now.weight(range(len(rows)))

    def groups(self, rows: Sequence[int]) -> Iterator[Batch]:
        """The step's rows, those of similar length together."""
        return self.now.groups(range(len(rows)))

    def loss(self, net: Any, group: Batch) -> "torch.Tensor":
        """The divergence in nats, summed over the answers' tokens."""
        said = forward.logits(net, group).float()
        goal = self._teacher(group).float()
        width = min(said.shape[1], goal.shape[1])  # rows beyond a vocabulary only fill it up
        found = divergence(
            said[:, :width],
            None,
            goal[:, :width].log_softmax(dim=1),
            kind=self.options.divergence,
            beta=self.options.beta,
        )
        return found.sum()

    def validate(self, net: Any) -> LossScore:
        """Loss and token accuracy over the labels of held-out rows."""
        most, precision = self.options.tokens_at_once, self.options.precision
        return measures.validate(net, self.held_out, most=most, precision=precision)

    def fingerprint(self) -> str:
        """Of the token ids, the places where answers begin, and the number of labels."""
        said = [self.asked.ids, self.asked.starts, self.labelled, self.most, self.answer]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()

    def _own(self, rows: Sequence[int], step: int) -> list[int]:
        """The rows of a step that the student answers: all without a label, and its share of the others."""
        chance = random.Random(f"{self.seed}/{step}")
        labelled = [row for row in rows if row < self.labelled]
        count = int(self.options.on_policy * len(labelled) + chance.random())
        chosen = {*chance.sample(labelled, count)}
        return [row for row in rows if row in chosen or row >= self.labelled]

    def _answers(self, net: Any, rows: Sequence[int], step: int) -> dict[int, list[int]]:
        """Row -> token ids that the student says."""
        if not rows:
            return {}
        heat = self.options.temperature
        draws = []
        for row in rows:
            prompt = self._prompt(row)
            most = min(self.answer, self.most - len(prompt))
            draws.append(Draw(prompt, most, heat, seed=f"{self.seed}/{step}/{row}"))
        net.eval()
        with devices.mixed(net.device, self.options.precision):
            found = drawn(net, draws, ends=self.student.ends, pad=self.student.ends[0])
        net.train()
        return dict(zip(rows, found, strict=True))

    def _prompt(self, row: int) -> list[int]:
        return self.asked.ids[row][: self.asked.starts[row]]

    def _teacher(self, group: Batch) -> "torch.Tensor":
        """The teacher's logits of the student's tokens, [answers, tokens]."""
        import torch

        with torch.no_grad():
            if self.table is None:
                return forward.logits(self.teacher, group)
            ids = self.table[group.ids]
            theirs = Batch(**{**vars(group), "ids": ids})
            return forward.logits(self.teacher, theirs)[:, self.table]
