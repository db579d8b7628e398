"""Options of students of every kind: what they read, and the teacher's layers that make them up."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, PositiveInt, field_validator

from slmworks.contract.documented import Documented
from slmworks_torch.augment import Augmentation
from slmworks_torch.training_options import SHORTEST, TrainingOptions
from slmworks_torch.vocabulary import Characters


class StudentOptions(Augmentation, TrainingOptions):
    """Options of a student that learns from a teacher: its training text and its vocabulary."""

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


class LayerOptions(Documented):
    """Option of a student that is made of some of its teacher's layers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers of the teacher that make up the student, counted from 0; every other one when left out."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if layers is not None and list(layers) != sorted(set(layers)):
            raise ValueError("layers must ascend and name each layer once, like [0, 2, 5]")
        return layers
