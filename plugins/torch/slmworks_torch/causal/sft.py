"""Supervised fine-tuning of a causal language model."""

from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Task
from slmworks.finetune import Finetune
from slmworks_torch.causal.options import CausalOptions


class SupervisedFinetune(CausalOptions, Finetune):
    """Train all weights on the answers of conversations (Ouyang et al., 2022), or on plain text."""

    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"data": ("train", "validation")}
    accepts: ClassVar[Mapping[str, tuple[str, ...]]] = {"model": ("hf",)}
    model_tasks: ClassVar[tuple[str, ...]] = ("text-generation",)
    produces: ClassVar[str] = "hf"
    makes_model_task: ClassVar[str] = "text-generation"

    freeze_embeddings: bool = False
    """Leave the token embeddings as they are, and with them a head that shares them: steps get cheaper, and
    rare words keep what pretraining taught them."""

    def run(self, *, model: Model, data: Dataset, task: Task, **_: object) -> Model:
        """Train on the answers of `train`, choose the epoch on those of `validation`."""
        from slmworks_torch import training
        from slmworks_torch.causal import chat_model, lesson

        training.prepare(task)
        loaded = chat_model.load(model, port="model")
        given = lesson.prepare(loaded, data, self, task, port="model")
        if self.freeze_embeddings:
            loaded.net.get_input_embeddings().requires_grad_(requires_grad=False)
        share = lesson.trained_share(loaded)
        trained = lesson.learn(given, loaded.net, self, task)
        return lesson.finish(given, trained, self, task, share, model.meta)
