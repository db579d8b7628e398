"""Distillation by matching a teacher's predictions, on labelled and on unlabelled text."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.from_logits import LogitOptions
from slmworks_torch.layer_distill import LayerDistill, sizes

if TYPE_CHECKING:
    from slmworks_torch.hf_folder import TextNetwork


class LogitKD(LayerDistill, LogitOptions):
    """Match the teacher's softened predictions, on unlabelled text too (Hinton et al., 2015)."""

    model_tasks: ClassVar[tuple[str, ...]] = ("text-classification",)
    makes_model_task: ClassVar[str] = "text-classification"

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, compute the teacher's logits, train, choose the epoch on `validation`."""
        from slmworks.model_tasks.text_classification.labels import labels_of
        from slmworks_torch import classification, from_logits, text_training

        self.refuse_layers_of(student)
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
                **sizes(made),
            },
        )

    def _student(self, student: Model | None, teacher: "TextNetwork", texts: Sequence[str]) -> "TextNetwork":
        from slmworks_torch import classification

        def given(length: int) -> "TextNetwork":
            assert student
            labels = list(teacher.net.config.label2id)
            return classification.load_classifier(student, labels, port="student", max_length=length)

        return self.student_of(given if student else None, teacher, texts)
