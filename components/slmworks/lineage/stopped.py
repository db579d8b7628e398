"""Candidates that a selection stopped before the gate, found in a run's records."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Artifact, Model, Selection
from slmworks.contract.manifest import Manifest
from slmworks.execution.origins import Origins
from slmworks.execution.records import TaskRecord, task_records
from slmworks.numbers import figures
from slmworks.store.contract import folder_or_none

if TYPE_CHECKING:
    from slmworks.store import Store


@dataclass(frozen=True)
class Stopped:
    """A candidate that a selection stopped."""

    name: str
    """Its task, if the run's records know it; else its name in the reports."""
    by: str
    """The step that stopped it."""
    why: str
    """Its rank, in words."""
    score: str = ""
    """The measure that ranked it, with its interval, for people; empty if unknown."""
    chance: float | None = None
    """How often, at most, a truly best candidate is stopped so; None if unknown."""
    model: str = ""
    """Digest of its model."""
    selection: str = ""
    """Digest of the selection."""

    @property
    def words(self) -> str:
        """Selection, rank and chance: `by first: 3rd of 4 by accuracy on validation; …`."""
        said = f"by {self.by}: {self.why}"
        if self.chance is None:
            return said
        if self.chance == 1:
            return f"{said}; as good as the best"
        return f"{said}; the truly best is stopped so in at most {figures.chance(self.chance)} of cases"


def stopped_in(store: "Store", tasks: Sequence[TaskRecord]) -> Iterator[Stopped]:
    """What the selections among a run's tasks stopped, in the order in which they were made."""
    tasks = sorted(tasks, key=lambda task: task.ended)
    names = {task.manifest.digest: task.task for task in reversed(tasks) if task.manifest}
    for task in tasks:
        if task.traits.selects and task.manifest:
            yield from _by(store, task.task, task.manifest, names)


def stopped_as(store: "Store", digest: str) -> Iterator[tuple[str, Stopped]]:
    """How a model was stopped in the run that first made it, with that run; nothing if it wasn't."""
    origin = Origins(store).of([digest]).get(digest)
    if origin is None or not origin.run or origin.manifest.kind != Model.kind:
        return
    for one in stopped_in(store, list(task_records(store, origin.run))):
        if one.model == digest:
            yield origin.run, one


def _by(store: "Store", step: str, selection: Manifest, names: Mapping[str, str]) -> Iterator[Stopped]:
    """What one selection stopped; `names`: digest -> the task that made it."""
    folder = folder_or_none(store, selection.digest)
    made = Artifact.open(folder, digest=selection.digest) if folder else None
    rows = {str(row.get("model")): row for row in _rows(made)} if isinstance(made, Selection) else {}
    stopped = selection.meta.get("stopped")
    for model, why in (stopped if isinstance(stopped, Mapping) else {}).items():
        row = rows.get(model, {})
        name = names.get(model) or str(row.get("name") or model[:12])
        chance = row.get("chance")
        known = chance if isinstance(chance, int | float) and not isinstance(chance, bool) else None
        yield Stopped(name, step, str(why), str(row.get("written", "")), known, model, selection.digest)


def _rows(selection: Selection) -> Sequence[Mapping[str, Any]]:
    """What it says of each candidate; one from elsewhere needn't write that as ours do."""
    try:
        found = selection.read().get("rows")
    except (OSError, ValueError, TypeError):
        return ()
    return [row for row in found if isinstance(row, Mapping)] if isinstance(found, list) else ()
