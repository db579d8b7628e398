"""Roots: what is kept, and the bytes and records that it needs.

- A registered version that was not rejected keeps its release, its model and the reports it was judged on.
- The champion, the previous champion and the candidate keep the bytes of their whole way back.
- Of every registered version the manifests of the whole way back stay, so that its lineage can be told.
- Runs that go on, the latest runs, those that began lately, and pinned ones keep all that they read and made.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slmworks.contract.manifest import Manifest
from slmworks.execution import index
from slmworks.execution.history import newest_runs, runs_with
from slmworks.execution.origins import Origins
from slmworks.execution.records import RunRecord, run_record, task_records
from slmworks.fetch import Source
from slmworks.lineage.ancestry import lineage_of
from slmworks.registry.log import Registry
from slmworks.registry.state import ModelState, Version

if TYPE_CHECKING:
    from slmworks.store import Store

PINS = "pins/"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Rule:
    """How much is kept beside what is registered."""

    days: float = 90.0
    """Runs that began within so many days."""
    runs: int = 20
    """So many of the latest runs, however old."""


@dataclass
class Kept:
    """What a store needs."""

    bytes: set[str] = field(default_factory=set)
    """Digests of objects."""
    told: set[str] = field(default_factory=set)
    """Digests whose manifests are needed, also of objects that are gone."""
    runs: set[str] = field(default_factory=set)
    """Runs whose records are needed."""
    running: set[str] = field(default_factory=set)
    """Digests that runs which go on may be reading at this moment."""
    releases: int = 0
    rejected: dict[tuple[str, int], str] = field(default_factory=dict)
    """Name and version -> release, of those that were rejected."""


def kept(store: "Store", rule: Rule, origins: Origins) -> Kept:
    """Everything that is needed, by the registry's log, the runs' records and the pins."""
    found = Kept()
    registry = Registry(store)
    for name in registry.names():
        _of_model(store, registry.state(name), origins, found)
    pins = set(store.children(PINS))
    since = datetime.now(UTC) - timedelta(days=rule.days)
    for place, run in enumerate(newest_runs(store)):
        goes_on = run.ended is None
        if goes_on or place < rule.runs or run.run in pins or _began(run) >= since:
            read = _of_run(store, run)
            found.bytes |= read
            found.running |= read if goes_on else set()
            found.runs.add(run.run)
    found.bytes |= closure(origins, (one for one in pins if _DIGEST.fullmatch(one)))
    found.told |= closure(origins, found.bytes)
    return found


def closure(origins: Origins, digests: Iterable[str]) -> set[str]:
    """These artifacts, and all that they were made from or speak of."""
    return set(origins.closure(digests, _needs))


def _of_model(store: "Store", state: ModelState, origins: Origins, found: Kept) -> None:
    whole = [state.champion, state.previous, state.candidate]
    for version in state.versions:
        entry = version.registered
        if not entry.release:
            continue
        found.told |= closure(origins, [entry.release, entry.verdict])
        runs = _runs_of(store, version, origins)
        found.runs |= runs
        if version in whole:
            found.bytes |= closure(origins, [entry.release, entry.verdict]) | _selections(store, runs)
        elif version.status != "rejected":
            found.bytes |= {entry.release, entry.model_digest, entry.verdict}
            for judged in origins.of([entry.verdict]).values():
                found.bytes |= _digests(judged.manifest.refs.values())
        if version.status == "rejected":
            found.rejected[entry.name, entry.version] = entry.release
        else:
            found.releases += 1


def _runs_of(store: "Store", version: Version, origins: Origins) -> set[str]:
    """The run that made a release, and the latest that came to it, whose recipe names the reviewers."""
    entry = version.registered
    made = {origin.run for origin in origins.of([entry.release, entry.verdict]).values()}
    latest = next(runs_with(store, entry.name, entry.version), None)
    return (made | ({latest.run} if latest else set())) - {""}


def _selections(store: "Store", runs: Iterable[str]) -> set[str]:
    """What these runs stopped early: the reviewer's page tells of it, and nothing was made from it."""
    tasks = (task for run in runs for task in task_records(store, run))
    return {task.manifest.digest for task in tasks if task.traits.selects and task.manifest}


def _of_run(store: "Store", run: RunRecord) -> set[str]:
    """All that a run read and made."""
    found: set[str] = set()
    for task in task_records(store, run.run):
        found |= {digest for digests in task.inputs.values() for digest in digests}
        if task.manifest is not None:
            found |= {task.manifest.digest, *_needs(task.manifest)}
    pinned = store.list(f"runs/{run.run}/pinned")
    for data in store.read_all(pinned):
        if data is not None:
            found |= {digest for _, digest in Source.load(json.loads(data)).digests}
    return _digests(found)


def _needs(manifest: Manifest) -> set[str]:
    read = (digest for digests in manifest.inputs.values() for digest in digests)
    return _digests([*read, *manifest.refs.values(), *manifest.shared.values()])


def _digests(some: Iterable[str]) -> set[str]:
    return {one for one in some if _DIGEST.fullmatch(one)}


def _began(run: RunRecord) -> datetime:
    try:
        return datetime.fromisoformat(run.started).astimezone(UTC)
    except ValueError:  # nothing says that it is old
        return datetime.now(UTC)


def pinned(store: "Store", what: str) -> str:
    """The run or digest that a person means; BadRequest if there is none in the store."""
    if run_record(store, what) is not None:
        return what
    return lineage_of(store, what).root.digest


def keep_told(store: "Store", kept: Kept, origins: Origins) -> None:
    """Give the manifests that must stay a key of their own, where a store is older than those keys."""
    there = {name.removesuffix(".json") for name in _named(store)}
    for origin in origins.of(kept.told - there).values():
        index.note_made(store, origin.manifest, origin.run)


def _named(store: "Store") -> list[str]:
    return [key.rpartition("/")[2] for key in store.list("by-digest/")]
