"""Factorize: replace large matrices by products of small ones."""

from abc import abstractmethod

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Factorize"]


class Factorize(Stage):
    """Replace large matrices by products of small ones."""

    @abstractmethod
    def run(self, *, model: Model, data: Dataset | None, task: Task) -> Model:
        """Return a model with fewer parameters and the same function, nearly."""
