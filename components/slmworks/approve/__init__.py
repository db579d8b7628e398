"""Approve: the barrier at which a person decides."""

from abc import abstractmethod
from typing import ClassVar

from slmworks.contract.artifact import Release
from slmworks.contract.stage import Stage, Task

__all__ = ["Approve"]


class Approve(Stage):
    """The barrier at which a person decides. No process waits in it."""

    default: ClassVar[str | None] = "log"
    cacheable: ClassVar[bool] = False

    @abstractmethod
    def run(self, *, release: Release, task: Task) -> Release:
        """Hand on the release if the approval log says it was approved."""
