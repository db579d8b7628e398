"""Options of a student that learns what its teacher computes between layers."""

from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from slmworks.contract.artifact import Model
from slmworks_torch.causal.options import CausalOptions
from slmworks_torch.student_options import ascending, refuse_beyond
from slmworks_torch.training_options import TrainingOptions, depth_of


class HiddenOptions(CausalOptions, TrainingOptions):
    """What is learnt, from which of the teacher's layers, and beside which other losses."""

    learning_rate: PositiveFloat = 2e-4
    """Highest step size of AdamW; a small student takes larger steps than its teacher."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training."""
    max_length: Annotated[int, Field(ge=2)] | None = None
    """Most tokens of a text, which is cut there, or of a generator's row of prompt and answer: longer ones
    are left out and counted. Default: as many as the teacher reads, and 1024 at most for a generator."""
    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers of the teacher that make up the student, counted from 0; every other one when left out."""
    method: Literal["relations", "states", "both"] = "relations"
    """`relations`: how much each token's query, key and value in the last layer is like those of the others
    (MiniLMv2; Wang et al., 2021). `states`: embeddings and what each layer gives, through a learnt projection
    where widths differ (TinyBERT; Jiao et al., 2020)."""
    hidden_weight: PositiveFloat = 1.0
    """Weight of relations and states beside the losses below."""
    teacher_layer: NonNegativeInt | None = None
    """Layer of the teacher whose `relations` are learnt, counted from 0; the last one when left out. Of 24
    layers the authors take 20 or 18."""
    relation_heads: PositiveInt | None = None
    """Pieces that queries, keys and values are cut into before they are compared; as many as divide the heads
    of both networks when left out."""
    mapping: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layer of the teacher for each layer of the student, whose `states` it learns; evenly spread, the last
    for the last, when left out."""
    soft: NonNegativeFloat = 1.0
    """Weight of the distance from the teacher's answers: logits of a classifier, tokens of a generator (KL,
    times T²), embeddings (1 - cosine). A bare encoder has none."""
    alpha: NonNegativeFloat = 0.0
    """Weight of the cross-entropy with the labels, or the answers of the data, where there are any."""
    temperature: PositiveFloat = 1.0
    """Softens both distributions of `soft` before they are compared."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return ascending(layers)

    @model_validator(mode="after")
    def _of_its_method(self) -> Self:
        if self.mapping and list(self.mapping) != sorted(self.mapping):
            raise ValueError("mapping must not descend, like [1, 3, 5]")
        if self.mapping and self.method == "relations":
            raise ValueError("mapping: it is for states, and the method is relations; leave out one")
        if self.method == "states" and (self.teacher_layer is not None or self.relation_heads):
            name = "relation_heads" if self.relation_heads else "teacher_layer"
            raise ValueError(f"{name}: it is for relations, and the method is states; leave out one")
        return self

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest for a layer that a teacher trained from `model` won't have."""
        depth = depth_of(model) if port == "teacher" else None
        if depth is not None:
            refuse_beyond(self.layers or (), depth)
            if self.teacher_layer is not None:
                refuse_beyond((self.teacher_layer,), depth, option="teacher_layer")
            refuse_beyond(self.mapping or (), depth, option="mapping")

    @property
    def usual(self) -> bool:
        """True if answers or labels are learnt too."""
        return bool(self.soft or self.alpha)
