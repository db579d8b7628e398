"""Deploy: put an approved release where it answers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Deployment, Release
from slmworks.contract.stage import Stage
from slmworks.registry.task import ReleaseTask

__all__ = ["Deploy"]


class Deploy(Stage):
    """Put an approved release where it answers. Refuses anything whose digest was not approved."""

    default: ClassVar[str | None] = "server"
    cacheable: ClassVar[bool] = False
    once: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {"release": "deployed-from"}

    @abstractmethod
    def run(self, *, release: Release, task: ReleaseTask) -> Deployment:
        """Verify both digests against the approval log, then deploy."""
