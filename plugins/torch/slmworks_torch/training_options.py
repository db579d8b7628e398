"""Options of every training step."""

from typing import Annotated

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks_torch import config_json
from slmworks_torch.devices import Precision

DEPTHS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
"""Entries of config.json that hold the number of layers, one of them in most families."""
SHORTEST = 8
"""Fewest tokens that a model can be made to read: special tokens take two, an export's example seven."""


class StepOptions(Documented):
    """Length and speed of a training."""

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
    patience: NonNegativeInt = 0
    """Training ends after so many epochs in a row without a better score on `validation`; 0: after `epochs`,
    over which the step size falls in either case."""
    precision: Precision = "auto"
    """What matrices are multiplied in; weights stay float32. `auto`: a GPU takes bfloat16, or float16 with
    scaled losses where it lacks that, a processor float32. Other words hold on every device, at whatever
    speed it has for them."""


class TrainingOptions(StepOptions):
    """Options of a training, and the part of the model that it leaves alone."""

    freeze_embeddings: bool = False
    """Leave the embeddings as they are: steps get cheaper, rare words keep what pretraining taught them."""


class FreezingOptions(TrainingOptions):
    """Options of a training of a network with layers."""

    freeze_layers: NonNegativeInt = 0
    """So many of the lowest layers, with all below them, stay as they are and are computed once a text, not
    in every epoch (Lee et al., 2019)."""

    def check_origin(self, port: str, model: Model) -> None:
        """BadRequest where `model`, which is trained, has no more layers than are to stay."""
        depth = depth_of(model) if port == "model" else None
        if depth is not None:
            refuse_all(self.freeze_layers, depth)


def depth_of(model: Model) -> int | None:
    """Number of layers by a model's config.json; None where it doesn't say."""
    config = config_json.known(model.path)
    return next((config[name] for name in DEPTHS if isinstance(config.get(name), int)), None)


def refuse_all(count: int, depth: int) -> None:
    """BadRequest unless a layer stays to be trained where `count` of `depth` are frozen."""
    if count and count >= depth:
        raise BadRequest(
            f"freeze_layers: {count} of {depth} layers leave none to train; freeze at most {depth - 1}."
        )
