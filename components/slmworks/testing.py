"""Test bench for plugins: tasks without a store, artifacts sealed as a store would."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from slmworks.contract.artifact import Artifact
from slmworks.contract.ledger import Ledger, MemoryLedger
from slmworks.contract.manifest import tree_digest
from slmworks.contract.stage import Task
from slmworks.registry.log import Registry
from slmworks.registry.task import ReleaseTask

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["Bench", "sealed"]

A = TypeVar("A", bound=Artifact)


def sealed(artifact: A) -> A:
    """The artifact with its header written and its digest set, as it comes out of a store."""
    return replace(artifact, digest=tree_digest(artifact.seal()))


@dataclass
class Bench:
    """A folder in which a test runs plugins one after the other."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    """Every event that the tasks emitted."""
    known: dict[str, Artifact] = field(default_factory=dict)
    """Digest -> artifact, for `task.fetch`."""
    ledgers: dict[str, MemoryLedger] = field(default_factory=dict)
    """Name, teacher, options and version, as JSON -> what the teacher has produced for all tasks."""

    def task(self, name: str, *, threads: int = 1, seed: int = 0) -> Task:
        """A fresh task with empty output and scratch folders below `folder/name`."""
        return Task(**self._given(name), threads=threads, seed=seed)

    def release_task(self, name: str, store: "Store") -> ReleaseTask:
        """A fresh task for register, approve or deploy, with the approval log of `store`."""
        return ReleaseTask(**self._given(name), registry=Registry(store))

    def _given(self, name: str) -> dict[str, Any]:
        output, scratch = self.folder / name / "output", self.folder / name / "scratch"
        output.mkdir(parents=True)
        scratch.mkdir()
        return {
            "output": output,
            "scratch": scratch,
            "emit": self.events.append,
            "resolve": self.known.__getitem__,
            "ledger_of": self._ledger,
        }

    @contextlib.contextmanager
    def _ledger(
        self, name: str, teacher: Artifact, options: Mapping[str, Any], version: int
    ) -> Iterator[Ledger]:
        about = json.dumps([name, teacher.as_teacher, dict(options), version])
        yield self.ledgers.setdefault(about, MemoryLedger())

    def keep(self, artifact: A) -> A:
        """Seal an artifact and remember it, so that later tasks can follow a ref to it."""
        kept = sealed(artifact)
        self.known[kept.digest] = kept
        return kept
