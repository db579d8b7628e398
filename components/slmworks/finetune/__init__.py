"""Finetune: teach a pretrained model a task."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Artifact, Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Finetune"]


class Finetune(Stage):
    """Teach a pretrained model a task from labelled data."""

    relations: ClassVar[Mapping[str, str]] = {
        "model": "tuned-from",
        "data": "trained-on",
        "documents": "retrieves-from",
        "embedder": "embedded-by",
    }
    same_network: ClassVar[str] = "model"

    @abstractmethod
    def run(
        self, *, model: Model, documents: Artifact | None, embedder: Model | None, data: Dataset, task: Task
    ) -> Model:
        """Train on `train`, choose on `validation`; never sees `test`.

        `documents` are what a model looks up for each question, `embedder` finds them; plugins that make a
        model answer from its own weights leave both out of their `run`.
        """
