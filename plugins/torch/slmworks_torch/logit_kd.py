"""Distillation by matching a teacher's predictions, on labelled and on unlabelled text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, field_validator

from slmworks.artifact import Dataset, Model
from slmworks.distill import Distill
from slmworks.errors import BadRequest
from slmworks.stage import Task
from slmworks_torch.course import Course

if TYPE_CHECKING:
    import torch
    from slmworks_torch.folders import Classifier
    from slmworks_torch.rows import Rows
    from slmworks_torch.training import Lesson


class LogitKD(Course, Distill):
    """Match the teacher's softened predictions, on unlabelled text too (Hinton et al., 2015)."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    produces: ClassVar[str] = "hf"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    makes_task: ClassVar[str] = "classification"

    learning_rate: PositiveFloat = 2e-4
    """Highest step size of AdamW; a small student takes larger steps than its teacher."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training; soft targets make it needless as a rule."""
    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers of the teacher that make up the student, counted from 0; every other one when left out."""
    temperature: PositiveFloat = 2.0
    """Softens both distributions before they are compared."""
    mse_weight: NonNegativeFloat = 0.3
    """Weight of the squared difference between the logits (Ba & Caruana, 2014)."""
    alpha: NonNegativeFloat = 0.0
    """Weight of the cross-entropy with the labels, on the rows that have one."""
    transfer_rows: NonNegativeInt | None = None
    """At most so many rows of the split `transfer` are learnt from; all of them when left out."""
    vocabulary: Literal["cut", "keep"] = "cut"
    """`cut` keeps the tokens that the training text uses and spells other words in pieces (WordPiece)."""
    min_count: PositiveInt = 1
    """How often the training text must use a token for a `cut` vocabulary to keep it."""
    max_length: PositiveInt | None = None
    """Tokens of a text that the student reads; as many as the teacher when left out."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if layers is not None and list(layers) != sorted(set(layers)):
            raise ValueError("layers must ascend and name each layer once, like [0, 2, 5]")
        return layers

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Ask the teacher once, make or take the student, train it, choose the epoch on `validation`."""
        from slmworks_torch import folders, rows, training
        from slmworks_torch.scoring import quality
        from slmworks_torch.teacher import ask, refuse_strangers

        if student and self.layers:
            raise BadRequest("layers: they choose from the teacher's, but a student is given; leave out one.")
        refuse_strangers(teacher, student, data)
        train, validation = rows.training_rows(data), rows.labelled(data, "validation")
        transfer = rows.transfer_rows(data, self.transfer_rows)
        training.prepare(task)
        master = folders.load_classifier(teacher, data.labels, port="teacher")
        pupil = self._pupil(master, student, train.texts + transfer.texts)
        logits = ask(teacher, master, data, train + transfer + validation, task)
        lesson = self._lesson(pupil, train + transfer, validation, logits[: -len(validation)])
        outcome = training.train(pupil.net, lesson, self, task)
        pupil.save(task.output)
        best = quality(logits[-len(validation) :], validation.classes).accuracy
        return Model(
            path=task.output,
            format="hf",
            meta=pupil.meta,
            summary={
                **outcome.numbers,
                "teacher_accuracy": round(best, 4),
                "kept": round(outcome.quality.accuracy / best, 4) if best else 0.0,
                "parameters": pupil.parameters,
                "vocabulary": int(pupil.net.config.vocab_size),
                "layers": int(pupil.net.config.num_hidden_layers),
                "transfer_rows": len(transfer),
            },
        )

    def _pupil(self, master: "Classifier", student: Model | None, texts: list[str]) -> "Classifier":
        """The model that will learn; its vocabulary is cut to `texts` where asked for."""
        from slmworks_torch import folders, students, vocabulary

        if student:
            labels = list(master.net.config.label2id)
            length = self.max_length or master.max_length
            pupil = folders.load_classifier(student, labels, port="student", max_length=length)
        else:
            pupil = students.from_layers(master, self.layers, max_length=self.max_length)
        if self.vocabulary == "keep":
            return pupil
        return vocabulary.shrink(pupil, texts, min_count=self.min_count)

    def _lesson(
        self, pupil: "Classifier", rows: "Rows", validation: "Rows", logits: "torch.Tensor"
    ) -> "Lesson":
        """Learn `rows`, the labelled ones first, from the teacher's logits."""
        from slmworks_torch.losses import distillation
        from slmworks_torch.scoring import logits_of, quality
        from slmworks_torch.training import Lesson

        checks = pupil.encode(validation.texts)
        loss = distillation(
            logits, rows.classes, temperature=self.temperature, alpha=self.alpha, mse=self.mse_weight
        )
        return Lesson(
            rows=pupil.encode(rows.texts),
            loss=loss,
            check=lambda: quality(logits_of(pupil.net, checks), validation.classes),
        )
