"""Distillation into a student that is made of some of its teacher's layers, or that is given."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, PositiveFloat

from slmworks.distill import Distill
from slmworks_torch.student_options import LayerOptions, StudentOptions
from slmworks_torch.training_options import refuse_all

if TYPE_CHECKING:
    from slmworks_torch.hf_folder import TextNetwork


class LayerDistill(LayerOptions, StudentOptions, Distill):
    """What distillations of encoders have in common, whatever the student is taught."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation", "transfer")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"teacher": ("hf",), "student": ("hf",)}
    produces: ClassVar[str] = "hf"
    of_new: ClassVar[frozenset[str]] = frozenset({"layers"})

    learning_rate: PositiveFloat = 2e-4
    """Highest step size of AdamW; a small student takes larger steps than its teacher."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training; soft targets make it needless as a rule."""

    def student_of(
        self, given: Callable[[int], "TextNetwork"] | None, teacher: "TextNetwork", texts: Sequence[str]
    ) -> "TextNetwork":
        """The network to train; its vocabulary is cut to `texts` where asked for.

        given: loads the student that is given, to read so many tokens; None: one of the teacher's layers.
        """
        from slmworks_torch import students, vocabulary

        if given:
            made = given(self.max_length or teacher.max_length)
        else:
            made = students.from_layers(teacher, self.layers, max_length=self.max_length)
        refuse_all(self.freeze_layers, int(made.net.config.num_hidden_layers))
        if self.vocabulary == "keep":
            return made
        return vocabulary.shrink(made, texts, min_count=self.min_count, characters=self.characters)


def sizes(made: "TextNetwork") -> dict[str, int]:
    """Parameters, tokens and layers of a student, for a step's summary."""
    return {
        "parameters": made.parameters,
        "vocabulary": int(made.net.config.vocab_size),
        "layers": int(made.net.config.num_hidden_layers),
    }
