"""How a task ended, for engines and for people: its state and its result."""

from dataclasses import dataclass
from typing import Literal

from slmworks.contract.manifest import Manifest

State = Literal["running", "done", "cached", "absent", "failed", "refused", "skipped", "stopped"]

HAVE = ("done", "cached", "absent")
"""States of a task with a manifest, if only one without files: tasks that need it can run."""


@dataclass(frozen=True)
class Outcome:
    """A task's final state and result."""

    state: State
    manifest: Manifest | None = None
    error: str = ""
    code: int = 1
    """Exit code of a failed task: 2 for a bad request."""
