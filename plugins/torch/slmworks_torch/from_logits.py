"""Shared by plugins that distil from logits: their options, their training text, the teacher's logits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from pydantic import NonNegativeFloat, PositiveFloat, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.class_weights import ClassWeightOptions, weights_of
from slmworks_torch.student_options import StudentOptions

if TYPE_CHECKING:
    import torch
    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.rows import Rows
    from slmworks_torch.text_training import TextObjective, Training


class SoftOptions(StudentOptions):
    """Options of a student that is trained to give its teacher's logits."""

    temperature: PositiveFloat = 2.0
    """Softens both distributions before they are compared."""
    mse_weight: NonNegativeFloat = 0.3
    """Weight of the squared difference between the logits (Ba & Caruana, 2014)."""
    alpha: NonNegativeFloat = 0.0
    """Weight of the cross-entropy with the labels, on the rows that have one."""


class LogitOptions(ClassWeightOptions, SoftOptions):
    """Options of a student of a classifier."""

    @model_validator(mode="after")
    def _weighs_what_is_learnt(self) -> Self:
        if self.class_weights != "none" and not self.alpha:
            raise ValueError(
                "class_weights: they weigh labels, and with alpha 0 none is learnt; raise alpha, or give "
                "them to the teacher's step"
            )
        return self


class Student(Protocol):
    """A network with one logit a label, and its tokenizer."""

    @property
    def net(self) -> Any:
        """The network; its output object has `logits`."""

    def encode(self, texts: Sequence[str]) -> "Encoded":
        """Texts as the network's token ids."""


S = TypeVar("S", bound=Student)


@dataclass(frozen=True)
class LogitData:
    """Training rows with their teacher's logits, and validation rows."""

    texts: list[str]
    """Of `train` and `transfer`, unaltered."""
    rows: "Rows"
    """Those, labelled ones first, then the altered copies."""
    logits: "torch.Tensor"
    """The teacher's, float32 [rows, labels]."""
    validation: "Rows"
    best: float
    """The teacher's accuracy on `validation`."""
    weights: list[float] | None = None
    """Of the labels, where they count differently."""

    def objective(self, student: Student, options: LogitOptions) -> "TextObjective":
        """Train on all rows with the teacher's logits, score on `validation`."""
        from slmworks_torch.classification import logits, score
        from slmworks_torch.losses import distillation
        from slmworks_torch.scoring import outputs_of
        from slmworks_torch.text_training import TextObjective

        held_out = student.encode(self.validation.texts)
        loss = distillation(
            self.logits,
            self.rows.classes,
            temperature=options.temperature,
            alpha=options.alpha,
            mse=options.mse_weight,
            weights=self.weights,
        )
        return TextObjective(
            rows=student.encode(self.rows.texts),
            forward=logits,
            batch_loss=loss,
            check=lambda: score(
                outputs_of(student.net, logits, held_out), self.validation.classes, self.weights
            ),
            targets=(self.logits, self.rows.classes, self.weights or ()),
        )

    def summary(self, training: "Training") -> dict[str, float]:
        """Numbers of a finished training, beside the teacher's."""
        return {
            **training.summary,
            "teacher_accuracy": round(self.best, 4),
            "kept": round(training.score.numbers["accuracy"] / self.best, 4) if self.best else 0.0,
            "transfer_rows": len(self.texts) - len(self.rows.classes),
            "altered_rows": len(self.rows) - len(self.texts),
        }


def gather(
    teacher: Model,
    student: Model | None,
    data: Dataset,
    options: LogitOptions,
    task: Task,
    make: "Callable[[TextNetwork, Sequence[str]], S]",
) -> tuple[LogitData, S]:
    """Read and alter the text, make the student, then compute the teacher's logits or take shared ones.

    `make(network, texts)` gives the student from the teacher's network; what it refuses is refused before the
    teacher runs, which can take hours. BadRequest where teacher, student and data don't have the same labels.
    """
    import torch
    from slmworks.model_tasks.text_classification.labels import labels_of
    from slmworks_torch import classification, rows, training
    from slmworks_torch.augment import copies

    classification.require_same_labels(teacher, student, data)
    train, validation = rows.training_rows(data), rows.labelled(data, "validation")
    learnt = train + rows.transfer_rows(data, options.transfer_rows)
    weights = weights_of(options.class_weights, labels_of(data), train.classes, task)
    altered = copies(train, options)
    training.prepare(task)
    network = classification.load_classifier(teacher, labels_of(data), port="teacher", new_head=False)
    texts = learnt.texts
    made = make(network, texts)
    logits = classification.teacher_logits(teacher, network, data, learnt + validation, task)
    # copy by copy: a student with four of them computes one more than a student with three
    more = [
        classification.teacher_logits(teacher, network, data, one, task, copy=number)
        for number, one in enumerate(altered, start=1)
    ]
    gathered = LogitData(
        texts=texts,
        rows=sum(altered, learnt),
        logits=torch.cat([logits[: len(texts)], *more]),
        validation=validation,
        best=classification.score(logits[len(texts) :], validation.classes).value,
        weights=weights,
    )
    return gathered, made
