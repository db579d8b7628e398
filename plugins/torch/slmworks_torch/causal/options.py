"""Options of every training of a causal language model."""

from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks_torch.devices import Precision
from slmworks_torch.training_options import StepOptions

LONGEST = 1024
"""Tokens of a row where neither the options nor the model say less: activations grow with them."""


class RowOptions(StepOptions):
    """Length of the rows, and how many are computed together."""

    learning_rate: PositiveFloat = 1e-4
    """Highest step size of AdamW (Loshchilov & Hutter, 2019): up during `warmup`, then down to 0."""
    batch_size: PositiveInt = 16
    """Rows a step, of similar length. Each learnt token of a step weighs the same."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training, where the network has a place for it."""
    max_length: Annotated[int, Field(ge=2)] | None = None
    """Most tokens of a row: prompt, answer and the token that ends it. Longer rows are left out and counted,
    plain text is cut into pieces. Default: what the model has positions for, 1024 at most."""
    tokens_at_once: PositiveInt = 1024
    """Most tokens that are computed together, padding included. A step with more adds up its gradients:
    memory falls, and the result is the same but for rounding."""
    precision: Precision = "auto"
    """What matrices are multiplied in; weights stay float32. `auto`: bfloat16 where the hardware has
    instructions for it (a GPU, AVX-512 BF16, AMX), float16 with scaled losses on an older GPU. Other words
    hold on every device, at whatever speed it has for them."""
    max_new_tokens: PositiveInt | None = None
    """Most tokens of an answer in service. Default: a quarter more than the longest learnt answer."""


class CausalOptions(RowOptions):
    """The same for rows that need no other beside them."""

    packing: bool = False
    """Put the rows of a step one behind another, up to `max_length` tokens, each of them seeing itself only.
    Otherwise rows of similar length are padded, which is faster on a processor."""
