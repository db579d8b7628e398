"""Distillation by matching a teacher's predictions, on labelled and on unlabelled text."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks.distill import Distill
from slmworks_torch.from_logits import LogitOptions
from slmworks_torch.student_options import LayerOptions
from slmworks_torch.training_options import refuse_all

if TYPE_CHECKING:
    from slmworks_torch.hf_folder import TextNetwork


class LogitKD(LayerOptions, LogitOptions, Distill):
    """Match the teacher's softened predictions, on unlabelled text too (Hinton et al., 2015)."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    produces: ClassVar[str] = "hf"
    model_tasks: ClassVar[tuple[str, ...]] = ("text-classification",)
    makes_model_task: ClassVar[str] = "text-classification"

    learning_rate: PositiveFloat = 2e-4
    """Highest step size of AdamW; a small student takes larger steps than its teacher."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training; soft targets make it needless as a rule."""

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, compute the teacher's logits, train, choose the epoch on `validation`."""
        from slmworks.model_tasks.text_classification.labels import labels_of
        from slmworks_torch import classification, from_logits, text_training

        if student and self.layers:
            raise BadRequest("layers: they choose from the teacher's, but a student is given; leave out one.")
        make = partial(self._student, student)
        gathered, made = from_logits.gather(teacher, student, data, self, task, make)
        trained = text_training.train(made.net, gathered.objective(made, self), self, task)
        made.save(task.output)
        return Model(
            path=task.output,
            format="hf",
            meta=classification.meta(labels_of(data), made),
            summary={
                **gathered.summary(trained),
                "parameters": made.parameters,
                "vocabulary": int(made.net.config.vocab_size),
                "layers": int(made.net.config.num_hidden_layers),
            },
        )

    def _student(self, student: Model | None, teacher: "TextNetwork", texts: Sequence[str]) -> "TextNetwork":
        """The network to train; its vocabulary is cut to `texts` where asked for."""
        from slmworks_torch import classification, students, vocabulary

        if student:
            labels = list(teacher.net.config.label2id)
            length = self.max_length or teacher.max_length
            made = classification.load_classifier(student, labels, port="student", max_length=length)
        else:
            made = students.from_layers(teacher, self.layers, max_length=self.max_length)
        refuse_all(self.freeze_layers, int(made.net.config.num_hidden_layers))
        if self.vocabulary == "keep":
            return made
        return vocabulary.shrink(made, texts, min_count=self.min_count, characters=self.characters)
