"""Approve by the log: hand on a release that the registry's log approves."""

from typing import ClassVar

from slmworks.approve import Approve
from slmworks.contract.artifact import Release
from slmworks.registry.release import require_approved
from slmworks.registry.task import ReleaseTask

__all__ = ["ApprovalLog"]


class ApprovalLog(Approve):
    """Hand on the release if the log says that exactly these digests are approved.

    The decision is taken elsewhere (`slmworks approve`, a form in Airflow) and written to the log; no
    process waits here.
    """

    reviewers: tuple[str, ...] = ()
    """Users or groups who may decide. A user's name on the command line is a claim, and recorded as one."""

    light: ClassVar[bool] = True

    def run(self, *, release: Release, task: ReleaseTask) -> Release:
        """Return `release` itself; BadRequest with its status if it is not approved."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        decided = task.registry.state(name).version(version).decided
        if decided is not None:
            task.say(f"{name} v{version} approved by {decided.who}: {decided.why}")
        return release
