"""A small causal language model from nothing but its data."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.causal.options import CausalOptions

Width = Annotated[int, Field(ge=32, multiple_of=32)]


class Pretrain(CausalOptions, Finetune):
    """Train a new Llama (Touvron et al., 2023) and its byte-level BPE on the data alone, for small domains.

    It knows nothing but its data. Conversations are rendered in ChatML; each digit is a token. A
    Transformer-XL (Dai et al., 2019) reads text of any length with the memory of what came before.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    ignores: ClassVar[frozenset[str]] = frozenset({"model"})
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    architecture: Literal["llama", "transformer-xl"] = "llama"
    """Kind of network; only a `llama` can be exported to GGUF."""
    hidden: Width = 128
    """Width of the network; a multiple of 32, as quantized files need it."""
    layers: PositiveInt = 4
    """Number of layers."""
    heads: PositiveInt = 4
    """Heads of attention."""
    kv_heads: PositiveInt = 2
    """Heads that keys and values of a `llama` have (Ainslie et al., 2023)."""
    ffn: Width = 384
    """Width of the feed-forward layers; a multiple of 32."""
    vocabulary: Annotated[int, Field(ge=260)] = 2048
    """Most tokens, 256 bytes and 3 special ones included; small data gives fewer."""
    context: Annotated[int, Field(ge=8)] = 512
    """Tokens that the model reads and writes together; of a `transformer-xl` those it learns together."""
    memory_length: PositiveInt | None = None
    """Tokens before it that a token of a `transformer-xl` sees in each layer, and of the segments that it is
    computed in; a quarter of `context` when left out."""
    learn: Literal["answers", "everything"] = "answers"
    """What a row teaches: its answer only, or its prompt too. Validation is over answers in any case."""
    epochs: PositiveInt = 10
    """How often every row is seen; the last epoch that is not clearly worse on `validation` is kept."""
    learning_rate: PositiveFloat = 3e-3
    """Highest step size of AdamW (Loshchilov & Hutter, 2019): up during `warmup`, then down to 0."""

    @model_validator(mode="after")
    def _heads_fit(self) -> Self:
        if self.hidden % (2 * self.heads):
            raise ValueError(f"hidden ({self.hidden}) must be a multiple of twice the heads ({self.heads})")
        if self.architecture == "transformer-xl":
            return self
        if self.heads % self.kv_heads:
            raise ValueError(f"heads ({self.heads}) must be a multiple of kv_heads ({self.kv_heads})")
        if self.memory_length:
            raise ValueError("memory_length: a llama has no memory; take `architecture: transformer-xl`")
        return self

    def run(self, *, model: Model | None, data: Dataset, task: Task, **_: object) -> Model:
        """Learn the tokenizer from `train`, then train on it, and choose the epoch on `validation`."""
        from slmworks_torch import training
        from slmworks_torch.causal import chat_model, lesson, new_model

        training.prepare(task)
        folder = task.scratch / "new"
        noted = new_model.write(folder, data, self)
        loaded = chat_model.load(Model(path=folder, format="hf"), port="data")
        rows = self
        if self.architecture == "transformer-xl":  # whose positions have no end
            rows = self.model_copy(update={"max_length": self.max_length or self.context})
        given = lesson.prepare(loaded, data, rows, task, port="data", everything=self.learn == "everything")
        trained = lesson.learn(given, loaded.net, rows, task)
        return lesson.finish(given, trained, rows, task, 1.0, noted)
