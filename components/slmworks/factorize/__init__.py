"""Factorize: replace large matrices by products of small ones."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Factorize"]


class Factorize(Stage):
    """Replace large matrices by products of small ones."""

    relations: ClassVar[Mapping[str, str]] = {"model": "factorized-from", "data": "calibrated-on"}

    @abstractmethod
    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Return a model with fewer parameters and the same function, nearly."""
