"""Forecast of a plan: cached results, and how long the other tasks took last time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from slmworks.contract.manifest import Manifest
from slmworks.execution.cache import find
from slmworks.execution.history import newest_runs
from slmworks.execution.identity import identify
from slmworks.execution.index import took
from slmworks.execution.missing_inputs import absence, present
from slmworks.execution.records import task_records
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.recipe.lower import Plan, PlannedTask
from slmworks.registry.log import Registry
from slmworks.store import Store

FEW = 3
"""Latest runs that are asked in a store that is older than the times of its plugins."""


@dataclass(frozen=True)
class Forecast:
    """Forecast of one planned task."""

    task: PlannedTask
    manifest: Manifest | None
    """Its cached result, or the empty manifest that it would make; None if it would run."""
    seconds: float | None
    """How long the same plugin took last time; None: never seen, or cached."""

    @property
    def absent(self) -> bool:
        """It will be left out: an input does not exist yet."""
        return self.manifest is not None and bool(self.manifest.absent)

    @property
    def cached(self) -> bool:
        """Its result is in the store."""
        return self.manifest is not None and not self.absent


def forecast(plan: Plan, store: Store, *, cores: int) -> list[Forecast]:
    """A forecast for every task. Reads local sources and the store; writes nothing."""
    history = _history(store, {(task.stage, task.plugin) for task in plan})
    registry = Registry(store)
    known: dict[str, Manifest] = {}
    pinned = plan.pinned(registry)
    found: list[Forecast] = []
    for task in plan:
        manifest = _cached(task, pinned[task.id], known, store, cores)
        if manifest is not None:
            known[task.id] = manifest
        seconds = None if manifest else history.get((task.stage, task.plugin))
        found.append(Forecast(task, manifest, seconds))
    return found


def _cached(
    task: PlannedTask,
    sources: Mapping[str, Source],
    known: Mapping[str, Manifest],
    store: Store,
    cores: int,
) -> Manifest | None:
    given = {
        port: [known[one] for one in ids] for port, ids in task.inputs.items() if known.keys() >= set(ids)
    }
    nothing = absence(task.configured, given, sources.values())
    if nothing is not None or not task.configured.cacheable:
        return nothing
    if given.keys() != task.inputs.keys():
        return None
    spec = TaskSpec(
        run="",
        id=task.id,
        step=task.step,
        stage=task.stage,
        plugin=task.plugin,
        sources={name: source.dump() for name, source in sources.items()},
        names=dict(task.names),
        store=store.url,
        threads=cores if task.configured.exclusive else 1,
    )
    return find(store, identify(spec, task.configured, present(given), sources))


def _history(store: Store, plugins: Iterable[tuple[str, str]]) -> dict[tuple[str, str], float]:
    """(stage, plugin) -> seconds of its latest task; of an older store: of its latest task in a few runs."""
    wanted = sorted(plugins)
    read = store.read_all([took(*who) for who in wanted])
    found = {who: float(json.loads(data)["seconds"]) for who, data in zip(wanted, read, strict=True) if data}
    if not found:
        for run in islice(newest_runs(store), FEW):
            for task in task_records(store, run.run):
                if task.manifest is not None:
                    found.setdefault((task.stage, task.plugin), task.manifest.seconds)
    return found
