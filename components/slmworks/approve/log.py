"""Approve by the log: hand on what the registry's log says a person approved."""

from typing import ClassVar

from slmworks.approve import Approve
from slmworks.contract.artifact import Release
from slmworks.contract.stage import Task
from slmworks.registry.release import require_approved

__all__ = ["ApprovalLog"]


class ApprovalLog(Approve):
    """Hand on the release if the log says that exactly these digests are approved.

    The decision is taken elsewhere (`slmworks approve`, a form in Airflow) and written to the log; no
    process waits here.
    """

    reviewers: tuple[str, ...] = ()
    """Users or groups who may decide. What the command line knows of a person is a claim, and so recorded."""

    light: ClassVar[bool] = True

    def run(self, *, release: Release, task: Task) -> Release:
        """Return `release` itself, or raise BadRequest with what the log says about it."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        decided = task.registry.state(name).version(version).decided
        if decided is not None:
            task.say(f"{name} v{version} approved by {decided.who}: {decided.why}")
        return release
