"""For people who test a plugin: a task without a store, and a commit without a task."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from slmworks.contract.artifact import Artifact
from slmworks.contract.manifest import tree_digest
from slmworks.contract.stage import Task

A = TypeVar("A", bound=Artifact)


def sealed(artifact: A) -> A:
    """The artifact as it would come out of the store: header written, digest set."""
    return replace(artifact, digest=tree_digest(artifact.seal()))


@dataclass
class Bench:
    """A folder in which plugins are run one after the other."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    """Every event that the tasks emitted."""
    known: dict[str, Artifact] = field(default_factory=dict)
    """Digest -> artifact, for `task.fetch`."""

    def task(self, name: str, *, threads: int = 1, seed: int = 0) -> Task:
        """A fresh task with empty output and scratch folders below `folder/name`."""
        output, scratch = self.folder / name / "output", self.folder / name / "scratch"
        output.mkdir(parents=True)
        scratch.mkdir()
        return Task(
            output=output,
            scratch=scratch,
            threads=threads,
            seed=seed,
            emit=self.events.append,
            resolve=self.known.__getitem__,
        )

    def keep(self, artifact: A) -> A:
        """Seal an artifact and remember it, so that later tasks can follow a ref to it."""
        kept = sealed(artifact)
        self.known[kept.digest] = kept
        return kept
