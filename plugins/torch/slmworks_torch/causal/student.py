"""A causal language model that learns from a larger one: a given one, or made of some of its layers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import Field, NonNegativeInt, field_validator

from slmworks.contract.artifact import Model
from slmworks.contract.documented import Documented
from slmworks_torch.causal import chat_model
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.student_options import ascending


class StudentShape(Documented):
    """Options that say what a student is made of."""

    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers that make up the student, counted from 0: of the given student, or else of the teacher. All of
    them when left out."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return ascending(layers)


def student_of(teacher: Model, student: Model | None, shape: StudentShape) -> ChatModel:
    """The network to train, with its tokenizer: the given student, or a copy of the teacher, cut to shape.

    BadRequest as `chat_model.load`, and for layers that it doesn't have.
    """
    made = chat_model.load(student or teacher, port="student" if student else "teacher")
    return made if shape.layers is None else from_layers(made, shape.layers)


def from_layers(model: ChatModel, layers: Sequence[int]) -> ChatModel:
    """The model with the named layers only (Sanh et al., 2019)."""
    from slmworks_torch import students

    config, weights = students.of_layers(model.net, layers)
    return replace(model, net=students.built(config, chat_model.HEAD, weights, layers))
