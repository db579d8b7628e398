"""Deploy: put an approved release where it answers."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Deployment, Model, Release
from slmworks.contract.stage import Stage
from slmworks.registry.task import ReleaseTask

__all__ = ["Deploy"]


class Deploy(Stage):
    """Put an approved release where it answers. Refuses anything whose digest was not approved."""

    default: ClassVar[str | None] = "server"
    cacheable: ClassVar[bool] = False
    once: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {"release": "deployed-from", "draft": "drafted-by"}

    @abstractmethod
    def run(self, *, release: Release, draft: Model | None, task: ReleaseTask) -> Deployment:
        """Verify both digests against the approval log, then deploy.

        `draft`: a smaller model that guesses tokens ahead of the release's (`slmworks.contract.drafts`).
        """
