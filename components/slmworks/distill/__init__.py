"""Distill: train a small model to answer like a large one."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Distill"]


class Distill(Stage):
    """Train a small model to answer like a large one."""

    default: ClassVar[str | None] = "logit-kd"
    relations: ClassVar[Mapping[str, str]] = {
        "teacher": "distilled-from",
        "student": "initialised-from",
        "data": "trained-on",
    }

    @abstractmethod
    def run(self, *, teacher: Model, student: Model | None, data: Dataset, task: Task) -> Model:
        """Train a student; without `student` it is made from the teacher."""
