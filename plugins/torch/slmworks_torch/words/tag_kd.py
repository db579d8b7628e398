"""Distillation of a tagger: its student matches the teacher's predictions for every word."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.from_logits import SoftOptions
from slmworks_torch.layer_distill import LayerDistill, sizes

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.rows import Rows


class TagKD(LayerDistill, SoftOptions):
    """Match the teacher's softened predictions for every word, in unmarked text too (Hinton et al., 2015).

    Words are compared by their first token, so that the student may cut them into others.
    """

    model_tasks: ClassVar[tuple[str, ...]] = ("token-classification",)
    makes_model_task: ClassVar[str] = "token-classification"

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, compute the teacher's logits, train, choose the epoch on `validation`."""
        import torch
        from slmworks_torch import rows, text_training, training
        from slmworks_torch.augment import copies
        from slmworks_torch.losses import distillation
        from slmworks_torch.words import tagging
        from slmworks_torch.words.windows import at_words, windows

        self.refuse_layers_of(student)
        tagging.require_same_tags(teacher, student, data)
        train, validation = (tagging.tagged_rows(data, split) for split in ("train", "validation"))
        learnt = train.rows + rows.transfer_rows(data, self.transfer_rows)
        altered, labels = copies(train.rows, self), tagging.labels_of(data)
        training.prepare(task)
        network = tagging.load_tagger(teacher, labels, port="teacher", new_head=False)
        made = self._student(student, network, learnt.texts)
        given = [
            teacher_tags(teacher, network, data, some, task, copy=copy)
            for copy, some in enumerate((learnt, *altered))
        ]
        theirs = tagging.score(
            teacher_tags(teacher, network, data, validation.rows, task, copy=None),
            windows(network, validation.rows.texts),
            validation,
            labels,
        )
        all_rows = sum(altered, learnt)
        own, held_out = windows(made, all_rows.texts), windows(made, validation.rows.texts)
        soft, classes = torch.cat(given), train.classes(labels)
        loss = distillation(
            soft,
            classes,
            temperature=self.temperature,
            alpha=self.alpha,
            mse=self.mse_weight,
        )
        objective = text_training.TextObjective(
            rows=own.encoded,
            forward=tagging.logits,
            batch_loss=at_words(own, loss),
            check=lambda: tagging.score(
                held_out.outputs(made.net, tagging.logits), held_out, validation, labels
            ),
            targets=(soft, classes),
        )
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        kept = trained.score.value / theirs.value if theirs.value else 0.0
        return Model(
            path=task.output,
            format="hf",
            meta=tagging.meta(labels, made),
            summary={
                **trained.summary,
                "teacher_f1": round(theirs.value, 4),
                "kept": round(kept, 4),
                "transfer_rows": len(learnt) - len(train.rows),
                "altered_rows": len(all_rows) - len(learnt),
                **sizes(made),
            },
        )

    def _student(self, student: Model | None, teacher: "TextNetwork", texts: Sequence[str]) -> "TextNetwork":
        from slmworks_torch.words import tagging

        def given(length: int) -> "TextNetwork":
            assert student
            tags = list(teacher.net.config.label2id)
            labels = [tag.removeprefix("B-") for tag in tags if tag.startswith("B-")]
            return tagging.load_tagger(student, labels, port="student", max_length=length)

        return self.student_of(given if student else None, teacher, texts)


def teacher_tags(
    teacher: Model, network: "TextNetwork", data: Dataset, rows: "Rows", task: Task, *, copy: int | None
) -> "torch.Tensor":
    """A teacher's logits, float32 [words, tags], computed once for each teacher, data and rows.

    `copy`: number of the altered copy that `rows` are; 0 for the data itself, None for validation.
    """
    from slmworks_torch import teacher_outputs

    def build(folder: Path) -> None:
        write(folder, network, rows, task)

    name = (
        "teacher-tags-validation" if copy is None else f"teacher-tags-copy-{copy}" if copy else "teacher-tags"
    )
    return teacher_outputs.shared(name, build, teacher, network, data, rows, task)


def write(folder: Path, network: "TextNetwork", rows: "Rows", task: Task) -> None:
    """Run a teacher network on all rows and write its logits for every word into `folder`."""
    import numpy as np

    from slmworks_torch.devices import device
    from slmworks_torch.teacher_outputs import FILE
    from slmworks_torch.words import tagging
    from slmworks_torch.words.windows import windows

    own = windows(network, rows.texts)
    total = len(own.encoded)
    network.net.to(device())

    def tell(done: int) -> None:
        task.progress(done, total, unit="windows", note="asking the teacher")

    np.save(folder / FILE, own.outputs(network.net, tagging.logits, tell=tell).numpy())
