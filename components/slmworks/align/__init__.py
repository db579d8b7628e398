"""Align: make a generator prefer the answers that people prefer."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Align"]


class Align(Stage):
    """Make a generator prefer the answers that people prefer."""

    default: ClassVar[str | None] = "dpo"
    relations: ClassVar[Mapping[str, str]] = {"model": "aligned-from", "data": "trained-on"}

    @abstractmethod
    def run(self, *, model: Model, data: Dataset, task: Task) -> Model:
        """Train on pairs of preferred and rejected answers."""
