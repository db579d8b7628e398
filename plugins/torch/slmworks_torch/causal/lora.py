"""Fine-tuning of a causal language model by adapters of low rank."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PositiveFloat, PositiveInt

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.causal.options import CausalOptions

if TYPE_CHECKING:
    from slmworks_torch.causal.chat_model import ChatModel


class LoraFinetune(CausalOptions, Finetune):
    """Train adapters of low rank beside every linear layer, and add them to its weights (Hu et al., 2021).

    The result is an ordinary folder. Embeddings, and a head that shares them, stay as they are.
    """

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    rank: PositiveInt = 16
    """Rank of the matrices that are trained."""
    alpha: PositiveFloat = 32.0
    """What an adapter adds is multiplied by alpha / rank."""
    learning_rate: PositiveFloat = 5e-4
    """Highest step size of AdamW; adapters take larger steps than whole weights."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of activations that is dropped while training, in the network and before each adapter."""

    def run(self, *, model: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Train on the answers of `train`, choose the epoch on those of `validation`, merge."""
        from slmworks_torch import training
        from slmworks_torch.causal import chat_model, lesson

        training.prepare(task)
        loaded = chat_model.load(model, port="model")
        given = lesson.prepare(loaded, data, self, task, port="model")
        with_adapters = self._adapted(loaded)
        share = lesson.trained_share(loaded)
        trained = lesson.learn(given, with_adapters, self, task)
        with_adapters.merge_and_unload()
        return lesson.finish(given, trained, self, task, share, model.meta)

    def _adapted(self, model: "ChatModel") -> Any:
        return adapted(model, self.rank, self.alpha, self.dropout)


def adapted(model: "ChatModel", rank: int, alpha: float, dropout: float) -> Any:
    """A model's network, its linear layers with an adapter each; the head is left out."""
    from peft import LoraConfig, get_peft_model

    from slmworks.machine.quiet import quiet

    settings: dict[str, Any] = {"r": rank, "lora_alpha": alpha, "lora_dropout": dropout}
    with quiet():  # peft warns of what it mends by itself: GPT-2's transposed layers, fused experts
        return get_peft_model(
            model.net, LoraConfig(**settings, target_modules="all-linear", task_type="CAUSAL_LM")
        )
