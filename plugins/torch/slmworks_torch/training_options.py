"""Options of every training step."""

from typing import Annotated

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.documented import Documented

SHORTEST = 8
"""Fewest tokens that a model can be made to read: special tokens take two, an export's example seven."""


class TrainingOptions(Documented):
    """Length and speed of a training, and the part of the model that it leaves alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveInt = 3
    """How often every row is seen; the last epoch that is not clearly worse on `validation` is kept."""
    learning_rate: PositiveFloat = 1e-4
    """Highest step size of AdamW (Loshchilov & Hutter, 2019): up during `warmup`, then down to 0."""
    batch_size: PositiveInt = 32
    """Rows a step; rows of similar length go together."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled weight decay of the matrices; biases and normalisations have none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of activations that is dropped while training (Srivastava et al., 2014)."""
    freeze_embeddings: bool = False
    """Leave the embeddings as they are: steps get cheaper, rare words keep what pretraining taught them."""
    freeze_layers: NonNegativeInt = 0
    """So many of the lowest layers, with all below them, stay as they are and are computed once a text, not
    in every epoch (Lee et al., 2019)."""
