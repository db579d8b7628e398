"""Options of students of every kind: what they read, and the teacher's layers that make them up."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks_torch.augment import Augmentation
from slmworks_torch.training_options import SHORTEST, FreezingOptions, TrainingOptions, depth_of
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


class LayerOptions(FreezingOptions):
    """Option of a student that is made of some of its teacher's layers."""

    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers of the teacher that make up the student, counted from 0; every other one when left out."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return ascending(layers)

    @model_validator(mode="after")
    def _one_is_trained(self) -> Self:
        if self.layers and self.freeze_layers >= len(self.layers):
            raise ValueError(
                f"freeze_layers: {self.freeze_layers} of the {len(self.layers)} layers leave none to train"
            )
        return self

    def refuse_layers_of(self, student: Model | None) -> None:
        """BadRequest where layers of the teacher are chosen and a student is given too."""
        if student and self.layers:
            raise BadRequest("layers: they choose from the teacher's, but a student is given; leave out one.")

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for a layer that a teacher trained from `model` won't have."""
        if port != "teacher" or not self.layers:
            return
        depth = depth_of(model)
        if depth is not None:
            refuse_beyond(self.layers, depth)


def ascending(layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """The layers; ValueError where they don't ascend."""
    if layers is not None and list(layers) != sorted(set(layers)):
        raise ValueError("layers must ascend and name each layer once, like [0, 2, 5]")
    return layers


def refuse_beyond(layers: Sequence[int], depth: int, *, option: str = "layers") -> None:
    """BadRequest where the option names a layer that a teacher of `depth` layers doesn't have."""
    if beyond := [layer for layer in layers if layer >= depth]:
        raise BadRequest(f"{option}: the teacher has the layers 0 to {depth - 1}, not {beyond[0]}.")
