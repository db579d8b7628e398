"""What encoders of each model task answer, and how far a student's answers are from its teacher's."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.feature_extraction.columns import NAME as EMBEDDINGS
from slmworks.model_tasks.feature_extraction.hf import pooling_of
from slmworks.model_tasks.text_classification.labels import labels_of
from slmworks_torch import classification, embeddings, hf_folder, losses
from slmworks_torch.compression.encoder import BARE, Encoder, text_column
from slmworks_torch.rows import Rows, labelled, training_rows, transfer_rows

if TYPE_CHECKING:
    import torch
    from slmworks_torch.hf_folder import TextNetwork
    from slmworks_torch.hidden.options import HiddenOptions
    from slmworks_torch.scoring import Score

    Inputs = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Answers:
    """Texts to learn from, and what networks answer to them: nothing where they are bare encoders."""

    teacher: Model
    student: Model | None
    """The given one."""
    data: Dataset
    train: Rows
    """Rows with a label come first."""
    validation: Rows

    has_labels: ClassVar[bool] = False
    has_score: ClassVar[bool] = False

    @property
    def new_head(self) -> bool:
        """True if the student's answers begin as random ones."""
        return False

    def load_student(self, student: Model, max_length: int) -> "TextNetwork":
        """The given student; BadRequest where its folder is unusable."""
        return hf_folder.load(student, BARE, port="student", max_length=max_length, new_head=False)

    def refuse(self, made: "TextNetwork", teacher: "TextNetwork", options: "HiddenOptions") -> None:
        """BadRequest for a loss that there cannot be between these two."""
        del made, teacher
        if options.alpha and not self.has_labels:
            raise BadRequest("alpha: these data have no labels that the student could learn; leave it out.")

    def of_teacher(self, net: Any, inputs: "Inputs") -> "torch.Tensor":
        """What the teacher's network answers to a batch, [rows, width]; the width is 0 for nothing."""
        return self._of(self.teacher, net, inputs)

    def of_student(self, net: Any, inputs: "Inputs") -> "torch.Tensor":
        """What the student's answers."""
        return self._of(self.student or self.teacher, net, inputs)

    def apart(self, wanted: "torch.Tensor", given: "torch.Tensor", temperature: float) -> "torch.Tensor":
        """Mean distance of a student's answers from its teacher's; 0 where there are none."""
        del wanted, temperature
        return given.new_zeros(())

    def score(self, wanted: "torch.Tensor", given: "torch.Tensor") -> "Score | None":
        """The score of a student's answers to all of `validation`; `wanted` are its teacher's."""
        del wanted, given
        return None

    def meta(self, made: "TextNetwork") -> dict[str, Any]:
        """Entries of the student's `meta`."""
        return {"max_length": made.max_length, "parameters": made.parameters}

    def _of(self, model: Model, net: Any, inputs: "Inputs") -> "torch.Tensor":
        del model
        states: torch.Tensor = net(**inputs).last_hidden_state
        return states[:, 0, :0]


class ClassifierAnswers(Answers):
    """Logits, and labels beside them."""

    has_labels: ClassVar[bool] = True
    has_score: ClassVar[bool] = True

    @property
    def new_head(self) -> bool:
        """True for a given student that is no classifier."""
        return bool(self.student and not classification.known_labels(self.student, port="student"))

    def load_student(self, student: Model, max_length: int) -> "TextNetwork":
        """With its own head, or a new one of the teacher's labels."""
        labels = labels_of(self.data)
        return classification.load_classifier(student, labels, port="student", max_length=max_length)

    def apart(self, wanted: "torch.Tensor", given: "torch.Tensor", temperature: float) -> "torch.Tensor":
        """T² · KL(teacher ‖ student)."""
        return losses.softened((wanted / temperature).log_softmax(dim=1), given, temperature)

    def score(self, wanted: "torch.Tensor", given: "torch.Tensor") -> "Score":
        """Accuracy, and the teacher's beside it."""
        found = classification.score(given, self.validation.classes)
        best = classification.score(wanted, self.validation.classes).value
        return replace(found, further={**found.further, "teacher_accuracy": best})

    def meta(self, made: "TextNetwork") -> dict[str, Any]:
        """With the labels."""
        return classification.meta(labels_of(self.data), made)

    def _of(self, model: Model, net: Any, inputs: "Inputs") -> "torch.Tensor":
        del model
        return classification.logits(net, inputs)


class EmbeddingAnswers(Answers):
    """Embeddings of length 1, pooled as each model's folder says."""

    has_score: ClassVar[bool] = True

    def load_student(self, student: Model, max_length: int) -> "TextNetwork":
        """Without a head; its pooler isn't used."""
        return hf_folder.load(student, BARE, port="student", max_length=max_length)

    def refuse(self, made: "TextNetwork", teacher: "TextNetwork", options: "HiddenOptions") -> None:
        """BadRequest for a student of other dimensions, too."""
        super().refuse(made, teacher, options)
        ours, theirs = (int(one.net.config.hidden_size) for one in (made, teacher))
        if ours != theirs:
            raise BadRequest(
                f"student: its embeddings have {ours} numbers, the teacher's {theirs}; give one of the same "
                "width, or leave it out; embedding-kd teaches a narrower one."
            )

    def apart(self, wanted: "torch.Tensor", given: "torch.Tensor", temperature: float) -> "torch.Tensor":
        """1 - cosine."""
        del temperature
        return (1 - (wanted * given).sum(dim=1)).mean()

    def score(self, wanted: "torch.Tensor", given: "torch.Tensor") -> "Score":
        """The mean cosine."""
        return embeddings.score(given, wanted)

    def meta(self, made: "TextNetwork") -> dict[str, Any]:
        """With dimensions and pooling."""
        return embeddings.meta(
            dimensions=int(made.net.config.hidden_size),
            max_length=made.max_length,
            parameters=made.parameters,
            pooling=pooling_of(self.student or self.teacher),
        )

    def _of(self, model: Model, net: Any, inputs: "Inputs") -> "torch.Tensor":
        return embeddings.forward_of(model)(net, inputs)


def answers_of(teacher: Encoder, student: Model | None, data: Dataset) -> Answers:
    """The data's texts, and answers of the teacher's model task; BadRequest for data of another one."""
    model = teacher.model
    if teacher.model_task == EMBEDDINGS:
        train, validation = (embeddings.texts_of(data, split) for split in ("train", "validation"))
        return EmbeddingAnswers(model, student, data, train + transfer_rows(data, None), validation)
    if teacher.head != BARE:
        classification.require_same_labels(model, student, data)
        train, validation = training_rows(data), labelled(data, "validation")
        return ClassifierAnswers(model, student, data, train + transfer_rows(data, None), validation)
    train, validation = (_texts(data, split) for split in ("train", "validation"))
    return Answers(model, student, data, train + transfer_rows(data, None), validation)


def _texts(data: Dataset, split: str) -> Rows:
    """Texts of a split without what else stands beside them."""
    ids, texts = data.columns(split, "id", text_column(data))
    if not texts:
        raise BadRequest(f"data: the split '{split}' is empty; give the curate step more rows.")
    return Rows(ids, texts, [])
