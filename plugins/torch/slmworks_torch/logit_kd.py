"""Distillation by matching a teacher's predictions, on labelled and on unlabelled text."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, NonNegativeInt, PositiveFloat, field_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.from_logits import Imitation

if TYPE_CHECKING:
    from slmworks_torch.hf_folder import Classifier


class LogitKD(Imitation, Distill):
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

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if layers is not None and list(layers) != sorted(set(layers)):
            raise ValueError("layers must ascend and name each layer once, like [0, 2, 5]")
        return layers

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Ask the teacher once, make or take the student, train it, choose the epoch on `validation`."""
        from slmworks_torch import from_logits, training

        if student and self.layers:
            raise BadRequest("layers: they choose from the teacher's, but a student is given; leave out one.")
        make = partial(self._pupil, student)
        material, pupil = from_logits.gather(teacher, student, data, self, task, make)
        outcome = training.train(pupil.net, material.lesson(pupil, self), self, task)
        pupil.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=pupil.meta,
            summary={
                **material.numbers(outcome),
                "parameters": pupil.parameters,
                "vocabulary": int(pupil.net.config.vocab_size),
                "layers": int(pupil.net.config.num_hidden_layers),
            },
        )

    def _pupil(self, student: Model | None, master: "Classifier", texts: Sequence[str]) -> "Classifier":
        """The model that will learn; its vocabulary is cut to `texts` where asked for."""
        from slmworks_torch import hf_folder, students, vocabulary

        if student:
            labels = list(master.net.config.label2id)
            length = self.max_length or master.max_length
            pupil = hf_folder.load_classifier(student, labels, port="student", max_length=length)
        else:
            pupil = students.from_layers(master, self.layers, max_length=self.max_length)
        if self.vocabulary == "keep":
            return pupil
        return vocabulary.shrink(pupil, texts, min_count=self.min_count, characters=self.characters)
