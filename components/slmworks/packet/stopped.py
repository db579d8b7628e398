"""Candidates that a selection stopped before the gate: found in a run's records, told in one short table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from slmworks.contract.artifact import Artifact, Selection
from slmworks.contract.manifest import Manifest
from slmworks.execution.records import TaskRecord
from slmworks.numbers import figures
from slmworks.packet.markup import Html, el, grid, join
from slmworks.packet.sources import Stopped
from slmworks.store.contract import folder_or_none

if TYPE_CHECKING:
    from slmworks.store import Store

FEW = 3
"""Candidates that the sentence names."""


def stopped_in(store: "Store", tasks: Sequence[TaskRecord]) -> Iterator[Stopped]:
    """What the selections among a run's tasks stopped, in the order in which they were made."""
    tasks = sorted(tasks, key=lambda task: task.ended)
    names = {task.manifest.digest: task.task for task in reversed(tasks) if task.manifest}
    for task in tasks:
        if task.traits.selects and task.manifest:
            yield from _by(store, task.task, task.manifest, names)


def _by(store: "Store", step: str, selection: Manifest, names: Mapping[str, str]) -> Iterator[Stopped]:
    """What one selection stopped; `names`: digest -> the task that made it."""
    folder = folder_or_none(store, selection.digest)
    made = Artifact.open(folder, digest=selection.digest) if folder else None
    rows = {row["model"]: row for row in made.read()["rows"]} if isinstance(made, Selection) else {}
    for model, why in selection.meta["stopped"].items():
        row = rows.get(model, {})
        name = names.get(model) or str(row.get("name") or model[:12])
        yield Stopped(name, step, str(why), str(row.get("written", "")), row.get("chance"))


def sentence(stopped: Sequence[Stopped]) -> str:
    """The same in a sentence; nothing where none was stopped."""
    if not stopped:
        return ""
    known = [one for one in stopped if one.chance is not None]
    named = ", ".join(one.name for one in stopped[:FEW]) + (", …" if stopped[FEW:] else "")
    words = f"Stopped early: {figures.count(len(stopped))} ({named})"
    if not known:
        return f"{words}."
    worst = max(known, key=lambda one: one.chance or 0.0)
    if worst.chance == 1:
        return f"{words}; {worst.name} was as good as the best."
    often = figures.chance(worst.chance or 0.0)
    return f"{words}; the truly best would be stopped so in at most {often} ({worst.name})."


def section(stopped: Sequence[Stopped]) -> Html:
    """The table of the page; nothing where none was stopped."""
    if not stopped:
        return Html("")
    lines = []
    for one in stopped:
        often = figures.NOTHING if one.chance is None else figures.chance(one.chance)
        often = "as good as the best" if one.chance == 1 else often
        lines.append((one.name, one.by, one.why, one.score or figures.NOTHING, often))
    named = ("candidate", "by", "rank", "score", "stopped wrongly, at most")
    note = (
        "They never came to the gate. The last column: of all cases in which such a candidate is truly the "
        "best, so often at most it falls this far behind."
    )
    table = grid(named, lines, text=(0, 1, 2), label="Stopped early")
    return join([el("h2", "Stopped early"), table, el("p", note, class_="soft")])
