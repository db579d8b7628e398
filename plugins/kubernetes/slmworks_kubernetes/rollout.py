"""Set the digest that something serves, wait until its pods do, and set the old one back if they don't.

Pods that serve are not ended before new ones answer (the chart's Deployment keeps `maxUnavailable: 0`), so
what fails here is a roll-out, never the service.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks_kubernetes.cluster import Changed, Cluster, Unreachable
from slmworks_kubernetes.pin import Resource, at, pin, pinned
from slmworks_kubernetes.progress import Progress, why

EVERY = 2.0
"""Seconds between two looks at a roll-out."""


@dataclass(frozen=True)
class Rolled:
    """What became of it."""

    before: str
    """The digest that was served; empty where nothing was."""
    after: str
    seconds: float
    replicas: int
    changed: bool
    """False when it was served already."""


@dataclass(frozen=True)
class Rollout:
    """One object of a cluster and how to see that it has rolled."""

    cluster: Cluster
    resource: Resource
    name: str
    timeout: float
    look: Callable[[dict[str, Any]], Progress]
    selector: Callable[[dict[str, Any]], dict[str, str]]
    """The labels of its pods."""
    say: Callable[[str], None]

    @property
    def label(self) -> str:
        """What a person calls the object."""
        return f"{self.resource.kind} {self.cluster.namespace}/{self.name}"

    def to(self, digest: str) -> Rolled:
        """Serve `digest` (`sha256:…`); nothing is changed where it is served already.

        TaskFailed when the pods don't come up in time: then the digest before is set again.
        """
        began = time.monotonic()
        found = self.cluster.read(self.resource, self.name)
        before = pinned(self.resource, found)
        progress = self.look(found)
        if before == digest and progress.state == "done":
            self.say(f"{self.label} serves {digest[:19]} already: {progress.line}")
            return Rolled(before, digest, time.monotonic() - began, progress.replicas, changed=False)
        if at(found, ("spec", "paused")):
            raise BadRequest(
                f"{self.label} is paused, so it would not roll: kubectl -n {self.cluster.namespace} rollout "
                f"resume deployment/{self.name}"
            )
        if before != digest:
            self.cluster.patch(self.resource, self.name, pin(self.resource, found, digest))
            self.say(f"{self.label}: {before[:19]} → {digest[:19]}")
        progress = self.wait(digest, began, "" if before == digest else before)
        return Rolled(before, digest, time.monotonic() - began, progress.replicas, changed=before != digest)

    def wait(self, digest: str, began: float, before: str = "") -> Progress:
        """Look until it has rolled; TaskFailed when it hasn't in time, with `before` set again if given."""
        told = ""
        while True:
            progress = self._now(digest)
            if progress.state == "done":
                self.say(f"{self.label}: {progress.line}")
                return progress
            if progress.state == "failed":
                raise TaskFailed(self._undo(digest, before, progress.line))
            if time.monotonic() - began > self.timeout:
                reason = f"not done within {self.timeout:g} s ({progress.line})"
                raise TaskFailed(self._undo(digest, before, reason))
            if progress.line != told:
                told = progress.line
                self.say(f"{self.label}: {told}")
            time.sleep(EVERY)

    def _now(self, digest: str) -> Progress:
        try:
            found = self.cluster.read(self.resource, self.name)
            now = pinned(self.resource, found)
            if now != digest:
                raise Changed(
                    f"{self.label}: somebody set {now[:19]} while {digest[:19]} rolled out; nothing was set "
                    "back. Look at what is wanted, and deploy that."
                )
            return self.look(found)
        except Unreachable as error:  # who waits for minutes outlives a restart of the API server
            return Progress("going", str(error))

    def _undo(self, digest: str, before: str, reason: str) -> str:
        """Set the digest before again, and say what happened."""
        start = f"{self.label}: the roll-out of {digest[:19]} failed: {reason}"
        try:
            found = self.cluster.read(self.resource, self.name)
            if said := why(self.cluster.pods(self.selector(found)), digest):
                start += f"; {said.rstrip('.')}"
            if not before:
                return f"{start}. It stays as it is."
            self.cluster.patch(self.resource, self.name, pin(self.resource, found, before))
        except SlmworksError as error:
            return f"{start}. The digest before ({before[:19]}) could not be set back: {error}"
        return f"{start}. {before[:19]} is set again, and its pods go on serving."
