"""Finetune: teach a pretrained model a task."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Finetune"]


class Finetune(Stage):
    """Teach a pretrained model a task from labelled data."""

    relations: ClassVar[Mapping[str, str]] = {"model": "tuned-from", "data": "trained-on"}
    same_network: ClassVar[str] = "model"

    @abstractmethod
    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on `train`, choose on `validation`; never sees `test`."""
