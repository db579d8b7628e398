"""Distill: teach a small model what a large one knows."""

from abc import abstractmethod
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Distill"]


class Distill(Stage):
    """Teach a small model what a large one knows."""

    default: ClassVar[str | None] = "logit-kd"

    @abstractmethod
    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Train a student; without `student` it is made from the teacher."""
