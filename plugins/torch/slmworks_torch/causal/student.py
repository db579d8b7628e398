"""A causal language model that learns from a larger one: a given one, or the teacher's copy, cut to shape.

Layers, neurons of the feed-forward parts and tokens of the vocabulary can be left out; what stays keeps its
weights. A given student is cut the same way, so that a recipe can cut in rounds with training between.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import Task
from slmworks_torch.causal import chat_model
from slmworks_torch.causal.chat_model import ChatModel
from slmworks_torch.student_options import ascending


class StudentShape(Documented):
    """Options that say what a student is made of."""

    layers: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1)] | None = None
    """Layers that make up the student, counted from 0: of the given student, or else of the teacher (Sanh et
    al., 2019). All of them when left out."""
    depth: Annotated[int, Field(ge=2)] | None = None
    """So many layers, spread evenly, the first and the last among them; instead of `layers`."""
    ffn: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of each layer's feed-forward neurons that stay: those that are most active on answers of the
    training data (Muralidharan et al., 2024). The number is rounded to a multiple of 32, of 256 from 2,048
    on: blocks of quantized files."""
    vocabulary: Literal["keep"] | PositiveInt = "keep"
    """Tokens that stay, of a byte-level BPE: all, or so many: bytes, special tokens, what the training text
    uses, then the earliest learnt ones. Training text has the tokens that it had; other text gets longer."""

    @field_validator("layers")
    @classmethod
    def _ascending(cls, layers: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return ascending(layers)

    @model_validator(mode="after")
    def _layers_or_depth(self) -> Self:
        if self.layers is not None and self.depth is not None:
            raise ValueError("layers and depth say the same thing in two ways; leave out one")
        return self


def student_of(
    teacher: Model,
    student: Model | None,
    shape: StudentShape,
    data: Dataset | None = None,
    task: Task | None = None,
) -> ChatModel:
    """The network to train, with its tokenizer: the given student, or a copy of the teacher, cut to shape.

    `ffn` and `vocabulary` look at `train` and `validation` of `data`; files of a cut vocabulary are written
    to the task's scratch folder. BadRequest as `chat_model.load`, for a given student with more weights than
    its teacher, and for a shape that it cannot have.
    """
    from slmworks_torch.causal import sizes, vocabulary_cut, width

    port = "student" if student else "teacher"
    made = chat_model.load(student or teacher, port=port)
    if student:
        sizes.refuse_larger(made, teacher)
    layers = sizes.chosen(made.net, shape.layers, shape.depth, port=port)
    neurons = width.rounded(made.net, shape.ffn, port=port) if shape.ffn else None
    if shape.vocabulary != "keep":
        given, at = _needed(data, task, "vocabulary")
        made = vocabulary_cut.cut(made, shape.vocabulary, given, at, port=port)
    if neurons:
        # measured before layers are left out: on what is whole
        given, at = _needed(data, task, "ffn")
        made = width.narrowed(made, neurons, student or teacher, given, at)
    return made if layers is None else from_layers(made, layers)


def from_layers(model: ChatModel, layers: Sequence[int]) -> ChatModel:
    """The model with the named layers only (Sanh et al., 2019)."""
    from slmworks_torch import students

    config, weights = students.of_layers(model.net, layers)
    net: Any = students.built(config, chat_model.HEAD, weights, layers)
    return replace(model, net=net, shape={**model.shape, "layers": len(layers)})


def _needed(data: Dataset | None, task: Task | None, option: str) -> tuple[Dataset, Task]:
    if data is None or task is None:
        raise BadRequest(f"{option}: this step shows a student no data to be cut by; leave the option out.")
    return data, task
