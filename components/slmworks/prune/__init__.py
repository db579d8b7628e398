"""Prune: remove weights, heads or layers that a model can do without."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Prune"]


class Prune(Stage):
    """Remove weights, heads or layers that a model can do without."""

    default: ClassVar[str | None] = "layers"
    relations: ClassVar[Mapping[str, str]] = {"model": "pruned-from", "data": "calibrated-on"}

    @abstractmethod
    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Return a smaller model of the same kind."""
