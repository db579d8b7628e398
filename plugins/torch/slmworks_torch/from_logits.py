"""What all students of a teacher's logits have in common: their options, their text, what they imitate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, TypeVar

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks_torch.augment import Augmentation
from slmworks_torch.training_options import SHORTEST, Course
from slmworks_torch.vocabulary import Characters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import torch
    from slmworks_torch.batches import Encoded
    from slmworks_torch.hf_folder import Classifier
    from slmworks_torch.rows import Rows
    from slmworks_torch.training import Lesson, Outcome


class Imitation(Augmentation, Course):
    """Options of a student that is trained to give its teacher's logits."""

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
    characters: Characters = "all"
    """Single characters that a `cut` vocabulary keeps: `all`, or only ASCII and what the training text has
    (`seen`), which is smaller and leaves words in other scripts unknown."""
    max_length: Annotated[int, Field(ge=SHORTEST)] | None = None
    """Tokens of a text that the student reads; as many as the teacher when left out."""


P = TypeVar("P", bound="Pupil")


class Pupil(Protocol):
    """Who learns: a network with one logit a label, and how it reads."""

    @property
    def net(self) -> "Any":
        """The network, in training's terms."""

    def encode(self, texts: "Sequence[str]") -> "Encoded":
        """Texts as the network's token ids."""


@dataclass(frozen=True)
class Material:
    """What there is to learn: text, and what the teacher thinks of it."""

    texts: list[str]
    """Of `train` and `transfer`, as people wrote it."""
    rows: "Rows"
    """Those, labelled ones first, then the altered copies."""
    logits: "torch.Tensor"
    """The teacher's, float32 [rows, labels]."""
    validation: "Rows"
    best: float
    """The teacher's accuracy on `validation`."""

    def lesson(self, pupil: Pupil, options: Imitation) -> "Lesson":
        """Learn all rows from the teacher's logits, and be measured on `validation`."""
        from slmworks_torch.losses import distillation
        from slmworks_torch.scoring import logits_of, quality
        from slmworks_torch.training import Lesson

        checks = pupil.encode(self.validation.texts)
        loss = distillation(
            self.logits,
            self.rows.classes,
            temperature=options.temperature,
            alpha=options.alpha,
            mse=options.mse_weight,
        )
        return Lesson(
            rows=pupil.encode(self.rows.texts),
            loss=loss,
            check=lambda: quality(logits_of(pupil.net, checks), self.validation.classes),
        )

    def numbers(self, outcome: "Outcome") -> dict[str, float]:
        """What a training came to beside the teacher, for a summary."""
        return {
            **outcome.numbers,
            "teacher_accuracy": round(self.best, 4),
            "kept": round(outcome.quality.accuracy / self.best, 4) if self.best else 0.0,
            "transfer_rows": len(self.texts) - len(self.rows.classes),
            "altered_rows": len(self.rows) - len(self.texts),
        }


def gather(
    teacher: Model,
    student: Model | None,
    data: Dataset,
    options: Imitation,
    task: Task,
    make: "Callable[[Classifier, Sequence[str]], P]",
) -> "tuple[Material, P]":
    """Read and alter the text, make the student, then ask the teacher, or find what it said before.

    `make(master, texts)` gives the student; what it refuses is refused before the teacher is asked, which
    can take hours. BadRequest where teacher, student and data don't have the same labels.
    """
    import torch
    from slmworks_torch import hf_folder, rows, training
    from slmworks_torch.augment import copies
    from slmworks_torch.scoring import quality
    from slmworks_torch.teacher import ask, ask_more, refuse_strangers

    refuse_strangers(teacher, student, data)
    train, validation = rows.training_rows(data), rows.labelled(data, "validation")
    learnt = train + rows.transfer_rows(data, options.transfer_rows)
    altered = copies(train, options)
    training.prepare(task)
    master = hf_folder.load_classifier(teacher, data.labels, port="teacher")
    texts = learnt.texts
    pupil = make(master, texts)
    logits = ask(teacher, master, data, learnt + validation, task)
    more = ask_more(teacher, master, data, altered, task)
    material = Material(
        texts=texts,
        rows=sum(altered, learnt),
        logits=torch.cat([logits[: len(texts)], *more]),
        validation=validation,
        best=quality(logits[len(texts) :], validation.classes).accuracy,
    )
    return material, pupil
