"""Distillation of an extractive reader: its student points where the teacher points."""

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
    from slmworks_torch.words.reading import AskedRows


class QAKD(LayerDistill, SoftOptions):
    """Match the teacher's softened choices of first and last word, in unanswered questions too.

    After Hinton et al. (2015). Words are compared by their first and last tokens, so that the student may cut
    them into others. `augment` alters questions; their contexts stay.
    """

    model_tasks: ClassVar[tuple[str, ...]] = ("question-answering",)
    makes_model_task: ClassVar[str] = "question-answering"

    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Make or take the student, compute the teacher's logits, train, choose the epoch on `validation`."""
        import torch
        from slmworks_torch import text_training, training
        from slmworks_torch.augment import copies
        from slmworks_torch.devices import device
        from slmworks_torch.rows import Rows
        from slmworks_torch.words import reader, reader_losses, reading

        self.refuse_layers_of(student)
        reader.require_reader(teacher)
        train, validation = (reading.asked_rows(data, split) for split in ("train", "validation"))
        learnt = train + reading.transfer_rows(data, self.transfer_rows)
        altered = [train.asked_otherwise(one) for one in copies(Rows(train.ids, train.questions, []), self)]
        training.prepare(task)
        network = reader.load_reader(teacher, port="teacher", new_head=False)
        made = self._student(student, network, learnt.words)
        given = [
            teacher_ends(teacher, network, data, some, task, copy=copy)
            for copy, some in enumerate((learnt, *altered))
        ]
        unanswerable = bool(data.meta.get("unanswerable"))
        network.net.to(device())
        theirs = reader.score(network.net, reading.windows(network, validation), unanswerable=unanswerable)
        all_rows = sum(altered, learnt)
        own, held_out = reading.windows(made, all_rows), reading.windows(made, validation)
        soft = torch.cat(given)
        objective = text_training.TextObjective(
            rows=own.encoded,
            forward=reading.ends,
            batch_loss=reader_losses.distillation(
                own, soft, temperature=self.temperature, alpha=self.alpha, mse=self.mse_weight
            ),
            check=lambda: reader.score(made.net, held_out, unanswerable=unanswerable),
            targets=(soft, torch.tensor(own.goals)),
        )
        trained = text_training.train(made.net, objective, self, task)
        made.save(task.output)
        kept = trained.score.value / theirs.value if theirs.value else 0.0
        return Model(
            path=task.output,
            format="hf",
            meta=reader.meta(data, made),
            summary={
                **trained.summary,
                "teacher_f1": round(theirs.value, 4),
                "kept": round(kept, 4),
                "transfer_rows": len(learnt) - len(train),
                "altered_rows": len(all_rows) - len(learnt),
                **sizes(made),
            },
        )

    def _student(self, student: Model | None, teacher: "TextNetwork", texts: Sequence[str]) -> "TextNetwork":
        from slmworks_torch.words import reader

        def given(length: int) -> "TextNetwork":
            assert student
            return reader.load_reader(student, port="student", max_length=length)

        return self.student_of(given if student else None, teacher, texts)


def teacher_ends(
    teacher: Model, network: "TextNetwork", data: Dataset, rows: "AskedRows", task: Task, *, copy: int
) -> "torch.Tensor":
    """A teacher's logits for each word, float32 [words, 4], computed once for each teacher, data and rows.

    `copy`: number of the altered copy of the data that `rows` are; 0 for the data itself.
    """
    from slmworks_torch import teacher_outputs

    def build(folder: Path) -> None:
        write(folder, network, rows, task)

    name = f"teacher-ends-copy-{copy}" if copy else "teacher-ends"
    return teacher_outputs.shared(name, build, teacher, network, data, rows.texts, task)


def write(folder: Path, network: "TextNetwork", rows: "AskedRows", task: Task) -> None:
    """Run a teacher network on all rows and write its logits for every word into `folder`."""
    import numpy as np

    from slmworks_torch.devices import device
    from slmworks_torch.teacher_outputs import FILE
    from slmworks_torch.words import reader, reading

    own = reading.windows(network, rows)
    total = len(own.encoded)
    network.net.to(device())

    def tell(done: int) -> None:
        task.progress(done, total, unit="windows", note="asking the teacher")

    np.save(folder / FILE, reader.word_logits(network.net, own, tell))
