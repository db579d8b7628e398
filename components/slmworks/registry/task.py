"""The task of stages that work with releases: register, approve and deploy."""

from dataclasses import dataclass

from slmworks.contract.stage import Task
from slmworks.registry.log import Registry

__all__ = ["ReleaseTask"]


@dataclass(frozen=True, kw_only=True)
class ReleaseTask(Task):
    """A task that knows the approval log. A stage is given one if its abstract `run` asks for it."""

    registry: Registry
    """The registry of the store that this task commits to."""
