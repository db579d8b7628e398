"""Generators that learn what their teacher computes between layers, beside its next tokens and labels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch import devices, hf_folder, students
from slmworks_torch.causal import examples, forward, layouts, lesson, measures, same_tokens
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.causal.divergences import divergence
from slmworks_torch.causal.layouts import Batch
from slmworks_torch.causal.student import StudentShape, student_of
from slmworks_torch.causal.supervised import Supervised
from slmworks_torch.hidden.match import Match
from slmworks_torch.hidden.options import HiddenOptions
from slmworks_torch.hidden.score import NAME, LowerScore, by_distance

if TYPE_CHECKING:
    import torch
    from slmworks_torch.causal.lesson import Lesson

PROBED = 2
"""Rows that both networks compute before anything is trained."""


def learn(
    options: HiddenOptions,
    theirs: ChatModel,
    teacher: Model,
    student: Model | None,
    data: Dataset,
    task: Task,
) -> Model:
    """Make or take the student, train it beside its teacher, write it."""
    layers = options.layers
    if not student and not layers:
        layers = students.every_other(int(theirs.net.config.num_hidden_layers))
    loaded = student_of(teacher, student, StudentShape(layers=layers))
    if student:
        rows = examples.read(data, "train")
        same_tokens.require_same_prompts(theirs.chat, loaded.chat, rows)
    ids = same_tokens.teacher_ids(theirs.chat, loaded.chat)
    given = lesson.prepare(loaded, data, options, task, port="student" if student else "teacher")
    hf_folder.refuse_length(theirs.net, given.max_length, port="teacher")
    if options.freeze_embeddings:
        loaded.net.get_input_embeddings().requires_grad_(requires_grad=False)
    match, table = _match(theirs, given, options, ids)
    share = lesson.trained_share(loaded)

    def aim(answers: Supervised) -> HiddenMatch:
        return HiddenMatch(**vars(answers), match=match, table=table, aims=options)

    with match.attached():
        trained = lesson.learn(given, loaded.net, options, task, aim)
    made = lesson.finish(given, trained, options, task, share, (student or teacher).meta)
    layers_left = int(loaded.net.config.num_hidden_layers)
    return replace(made, summary={**made.summary, "layers": layers_left, "relation_heads": match.heads})


def _match(
    teacher: ChatModel, given: "Lesson", options: HiddenOptions, ids: list[int] | None
) -> "tuple[Match, torch.Tensor | None]":
    """Both networks side by side, and the teacher's id of each of the student's tokens."""
    import torch

    device = devices.device()
    table = None if ids is None else torch.tensor(ids, device=device)
    lengths = given.train.lengths
    some = sorted(range(len(lengths)), key=lengths.__getitem__)[:PROBED]

    def probe(net: Any) -> "torch.Tensor":
        batch = layouts.padded_batch(given.train, some, device)
        forward.logits(net, batch if net is given.model.net else translated(batch, table))
        return batch.ids

    return Match.of(teacher.net, given.model.net, options, probe), table


@dataclass(frozen=True)
class HiddenMatch(Supervised):
    """The distance of each row's inside from the teacher's, the divergence of next tokens, and their loss.

    Every part is the mean over a row's tokens, times the tokens of its answer: so it adds up like the loss of
    answers, however rows are grouped.
    """

    scored = LowerScore

    match: Match
    table: "torch.Tensor | None"
    """The teacher's id of each of the student's tokens, int64 [tokens]; None where they are the same."""
    aims: HiddenOptions

    def loss(self, net: Any, group: Batch) -> "torch.Tensor":
        """The weighted sum of all that is learnt."""
        from torch.nn import functional

        distances, ours, theirs = self._beside(net, group)
        found = self.aims.hidden_weight * (distances * row_weights(group)).sum()
        if self.aims.soft:
            width = min(ours.shape[1], theirs.shape[1])  # rows beyond a vocabulary only fill it up
            heat = self.aims.temperature
            goal = theirs[:, :width].log_softmax(dim=1)
            found = found + self.aims.soft * divergence(ours[:, :width], None, goal, temperature=heat).sum()
        if self.aims.alpha:
            found = found + self.aims.alpha * functional.cross_entropy(ours, group.targets, reduction="sum")
        return found

    def validate(self, net: Any) -> LowerScore:
        """Loss of the answers of held-out rows, or the distance where these aren't learnt; both are told."""
        import torch

        most, precision = self.options.tokens_at_once, self.options.precision
        with torch.inference_mode(), devices.mixed(net.device, precision):
            inside = by_distance(torch.cat(list(self._each(net, most))))
        answers = measures.validate(net, self.held_out, most=most, precision=precision)
        if not self.aims.usual:
            return replace(inside, further=answers.numbers)
        (name, loss), *others = answers.numbers.items()
        return LowerScore(name, -loss, answers.standard_error, {**dict(others), NAME: -inside.value})

    def _each(self, net: Any, most: int) -> "Iterator[torch.Tensor]":
        """Mean distance of each held-out row, padded ones of similar length together."""
        for rows in layouts.padded(self.held_out, range(len(self.held_out)), most):
            batch = layouts.padded_batch(self.held_out, rows, net.device)
            kept = real(batch)
            distances, _, _ = self._beside(net, batch)
            yield ((distances * kept).sum(dim=1) / kept.sum(dim=1)).cpu()

    def _beside(self, net: Any, group: Batch) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
        """Distance of each token [lines, tokens], logits of the student and of the teacher, float32."""
        import torch

        with self.match.caught() as (theirs, ours):
            with torch.no_grad():
                goal = forward.logits(self.match.teacher.net, translated(group, self.table)).float()
            found = forward.logits(net, group).float()
        if self.table is not None:
            goal = goal[:, self.table]
        return self.match.distance(theirs, ours, seen(group)), found, goal


def translated(batch: Batch, table: "torch.Tensor | None") -> Batch:
    """The batch in the teacher's ids."""
    return batch if table is None else replace(batch, ids=table[batch.ids])


def real(batch: Batch) -> "torch.Tensor":
    """True where a token stands, not what fills a line up: bool [lines, tokens].

    The last token of a line is always one whose successor is learnt.
    """
    import torch

    last = torch.zeros(len(batch.ids), dtype=torch.int64, device=batch.ids.device)
    last = last.scatter_reduce(0, batch.lines, batch.places, "amax")
    return torch.arange(batch.ids.shape[1], device=last.device) <= last[:, None]


def seen(batch: Batch) -> "torch.Tensor":
    """Which tokens each one is compared with: those of its row up to itself; bool [lines, tokens, tokens]."""
    rows, kept = _rows(batch), real(batch)
    same = rows[:, :, None] == rows[:, None, :]
    return (same & kept[:, :, None] & kept[:, None, :]).tril()


def row_weights(batch: Batch) -> "torch.Tensor":
    """Tokens of a row's answer, shared out evenly among all its tokens: float32 [lines, tokens]; else 0."""
    import torch

    kept = real(batch)
    lines, most = batch.ids.shape
    names = _rows(batch) + torch.arange(lines, device=kept.device)[:, None] * (most + 1)
    width = int(names.max()) + 1
    tokens = torch.bincount(names[kept], minlength=width)
    learnt = torch.bincount(names[batch.lines, batch.places], minlength=width)
    return torch.where(kept, learnt[names] / tokens[names].clamp(min=1), 0.0)


def _rows(batch: Batch) -> "torch.Tensor":
    """Number of each token's row within its line, from 1: positions begin anew at each."""
    return batch.positions.eq(0).cumsum(dim=1)
