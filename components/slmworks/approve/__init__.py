"""Approve: the step that waits for a person's decision."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Release
from slmworks.contract.stage import Stage
from slmworks.registry.task import ReleaseTask

__all__ = ["Approve"]


class Approve(Stage):
    """Hand on a release that a person has approved. No process waits in it."""

    default: ClassVar[str | None] = "log"
    cacheable: ClassVar[bool] = False
    once: ClassVar[bool] = True
    barrier: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {"release": "approved-from"}

    @abstractmethod
    def run(self, *, release: Release, task: ReleaseTask) -> Release:
        """Return the release if the approval log approves it; BadRequest otherwise."""
