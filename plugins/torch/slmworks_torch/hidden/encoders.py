"""Encoders that learn what their teacher computes between layers, beside its answers and labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch import hf_folder, students, text_training
from slmworks_torch.causal import sizes
from slmworks_torch.compression.encoder import Encoder
from slmworks_torch.hidden.encoder_answers import Answers, answers_of
from slmworks_torch.hidden.match import Match
from slmworks_torch.hidden.options import HiddenOptions
from slmworks_torch.hidden.score import NAME, LowerScore, by_distance
from slmworks_torch.losses import labels_lost
from slmworks_torch.scoring import Score, outputs_of
from slmworks_torch.student_options import refuse_beyond
from slmworks_torch.training_options import SHORTEST

if TYPE_CHECKING:
    import torch
    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.hidden.match import Probe
    from slmworks_torch.losses import Loss


def learn(
    options: HiddenOptions, teacher: Encoder, student: Model | None, data: Dataset, task: Task
) -> Model:
    """Make or take the student, train it beside its teacher, write it."""
    answers = answers_of(teacher, student, data)
    theirs = replace(teacher.network, max_length=_length(teacher, options))
    made = _student(theirs, teacher.model, student, answers, options)
    answers.refuse(made, theirs, options)
    if answers.new_head and not options.usual:
        task.say(
            "warning: the student's head is new, and neither answers nor labels are learnt, so what it "
            "answers is random until another step trains it"
        )
    rows, held_out = _same_tokens(theirs, made, answers.train.texts, answers.validation.texts)
    match = Match.of(theirs.net, made.net, options, _probe(rows))
    labels = labels_lost(len(rows), answers.train.classes)
    beside = Beside(match, answers, options, labels)
    objective = text_training.TextObjective(
        rows,
        beside.forward,
        beside.loss,
        lambda: beside.check(made.net, held_out),
        targets=(answers.train.classes,),
        scored=Score if answers.has_score and options.usual else LowerScore,
    )
    with match.attached():
        trained = text_training.train(made.net, objective, options, task)
    made.save(task.output)
    layers = int(made.net.config.num_hidden_layers)
    return Model(
        path=task.output,
        format="hf",
        meta=answers.meta(made),
        summary={
            **trained.summary,
            "texts": len(rows),
            "parameters": made.parameters,
            "layers": layers,
            "relation_heads": match.heads,
        },
    )


@dataclass(frozen=True)
class Beside:
    """A student and its teacher on the same texts."""

    match: Match
    answers: Answers
    options: HiddenOptions
    labels: "Loss"
    """The sum of what a batch's labels cost."""

    def forward(self, net: Any, inputs: "Mapping[str, torch.Tensor]") -> "torch.Tensor":
        """Mean distance of a text's tokens, the student's answer and the teacher's: [rows, 1 + 2 width]."""
        import torch

        real = inputs["attention_mask"].bool()
        with self.match.caught() as (theirs, ours):
            with torch.no_grad():
                wanted = self.answers.of_teacher(self.match.teacher.net, inputs)
            given = self.answers.of_student(net, inputs)
        distances = self.match.distance(theirs, ours, real[:, :, None] & real[:, None, :]) * real
        each = distances.sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True)
        return torch.cat([each, given, wanted], dim=1)

    def loss(self, outputs: "torch.Tensor", batch: list[int]) -> "torch.Tensor":
        """The weighted sum of all that is learnt from these rows."""
        each, given, wanted = _parts(outputs)
        total = self.options.hidden_weight * each.mean()
        if self.options.soft:
            total = total + self.options.soft * self.answers.apart(wanted, given, self.options.temperature)
        if self.options.alpha:
            total = total + self.options.alpha * self.labels(given, batch) / len(batch)
        return total

    def check(self, net: Any, held_out: "Encoded") -> Score:
        """Score answers on validation, or the distance where these aren't learnt; both are told."""
        each, given, wanted = _parts(outputs_of(net, self.forward, held_out))
        inside = by_distance(each)
        found = self.answers.score(wanted, given)
        if found is None or not self.options.usual:
            return replace(inside, further=found.numbers if found else {})
        return replace(found, further={**found.further, NAME: -inside.value})


def _parts(outputs: "torch.Tensor") -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    width = (outputs.shape[1] - 1) // 2
    return outputs[:, 0], outputs[:, 1 : 1 + width], outputs[:, 1 + width :]


def _length(teacher: Encoder, options: HiddenOptions) -> int:
    """Tokens of a text that are read; BadRequest for too few and too many."""
    length = options.max_length or teacher.network.max_length
    if length < SHORTEST:
        raise BadRequest(
            f"max_length: {length} tokens of a text are too few to learn from; read {SHORTEST} at least."
        )
    hf_folder.refuse_length(teacher.net, length, port="teacher")
    return length


def _student(
    theirs: "TextNetwork", teacher: Model, student: Model | None, answers: Answers, options: HiddenOptions
) -> "TextNetwork":
    """The network that learns: the given one, or some layers of the teacher."""
    if student is None:
        refuse_beyond(options.layers or (), int(theirs.net.config.num_hidden_layers))
        return students.from_layers(theirs, options.layers, max_length=theirs.max_length)
    made = answers.load_student(student, theirs.max_length)
    sizes.refuse_larger(made, teacher)
    return made


def _probe(rows: "Encoded") -> "Probe":
    """Runs a network on the shortest and the longest text."""
    some = sorted(range(len(rows)), key=rows.lengths.__getitem__)

    def probe(net: Any) -> "torch.Tensor":
        batch = rows.batch([some[0], some[-1]], net.device)
        net.base_model(**batch)
        return batch["input_ids"]

    return probe


def _same_tokens(
    theirs: "TextNetwork", made: "TextNetwork", train: Sequence[str], validation: Sequence[str]
) -> "tuple[Encoded, Encoded]":
    """Token ids of the texts; BadRequest where teacher and student don't read the same ones."""
    found = []
    for texts in (train, validation):
        ours, goal = made.encode(texts), theirs.encode(texts)
        for text, one, other in zip(texts, ours.ids, goal.ids, strict=True):
            if one != other:
                raise BadRequest(
                    f"student: the text {text[:24]!r} has other token ids with its tokenizer than with the "
                    f"teacher's ({_first(one)} and {_first(other)}), so what lies between their layers can't "
                    "be compared; use distill/logit-kd, which takes any tokenizer."
                )
        found.append(ours)
    return found[0], found[1]


def _first(ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, ids[:4]))
    return f"[{shown}{', …' if len(ids) > 4 else ''}]"
