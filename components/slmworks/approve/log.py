"""Approve by the log: hand on a release that the registry's log approves."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Discriminator, Tag

from slmworks.approve import Approve
from slmworks.approve.reviewers import Reviewers
from slmworks.contract.artifact import Release
from slmworks.registry.release import require_approved
from slmworks.registry.task import ReleaseTask

__all__ = ["ApprovalLog"]


class ApprovalLog(Approve):
    """Hand on the release if the log says that exactly these digests are approved.

    The decision is taken elsewhere (`slmworks approve`, a form in Airflow) and written to the log; no
    process waits here.
    """

    reviewers: Annotated[
        Annotated[tuple[str, ...], Tag("list")] | Annotated[Reviewers, Tag("mapping")],
        Discriminator(lambda given: "mapping" if isinstance(given, Mapping | Reviewers) else "list"),
    ] = ()
    """Users or groups who may decide; with `{among: […], not: requester}` nobody approves a run that they
    started. A user's name on the command line is a claim, and recorded as one."""

    light: ClassVar[bool] = True

    def run(self, *, release: Release, task: ReleaseTask) -> Release:
        """Return `release` itself; BadRequest with its status if it is not approved."""
        name, version = str(release.meta["name"]), int(release.meta["version"])
        require_approved(task.registry, name, version, release.path)
        decided = task.registry.state(name).version(version).decided
        if decided is not None:
            task.say(f"{name} v{version} approved by {decided.who}: {decided.why}")
        return release
