"""Deploy: put an approved release where it answers."""

from abc import abstractmethod
from typing import ClassVar

from slmworks.contract.artifact import Deployment, Release
from slmworks.contract.stage import Stage, Task

__all__ = ["Deploy"]


class Deploy(Stage):
    """Put an approved release where it answers. Refuses anything whose digest was not approved."""

    default: ClassVar[str | None] = "server"
    cacheable: ClassVar[bool] = False

    @abstractmethod
    def run(self, *, release: Release, task: Task) -> Deployment:
        """Verify both digests against the approval log, then deploy."""
