"""The runs of a store, the latest first, read only as far as somebody asks."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING

from slmworks.contract.errors import SlmworksError
from slmworks.execution import index
from slmworks.execution.records import RunRecord, run_ids, task_records

if TYPE_CHECKING:
    from slmworks.store import Store

AT_ONCE = 16
"""Records that are read together."""


def newest_runs(store: "Store") -> Iterator[RunRecord]:
    """The record of every run, the latest start first; a few are read at a time."""
    starts = _starts(store)
    order = iter(sorted(starts, key=lambda run: (starts[run], run), reverse=True))
    while some := list(islice(order, AT_ONCE)):
        yield from filter(None, _records(store, some))


def unfinished_runs(store: "Store") -> list[RunRecord]:
    """The runs that go on as far as the store knows."""
    _starts(store)  # an older version's runs get their keys
    found = filter(None, _records(store, store.children(index.UNFINISHED)))
    return [record for record in found if record.ended is None]


def runs_with(store: "Store", name: str, version: int) -> Iterator[RunRecord]:
    """The runs that came to a registered version, the latest start first."""
    folder = index.released(name, version)
    named = set(store.children(folder))
    if not named:
        named = _came_to(store, name, version)
        with contextlib.suppress(SlmworksError):  # who may only read looks again next time
            for run in named or {"-"}:
                index.note_release(store, name, version, run)
    yield from sorted(
        filter(None, _records(store, sorted(named - {"-"}))), key=lambda run: run.started, reverse=True
    )


def _came_to(store: "Store", name: str, version: int) -> set[str]:
    """Runs of a version whose record was written without the key, by reading everything."""
    return {
        run
        for run in run_ids(store)
        if any(task.traits.registers and task.holds(name, version) for task in task_records(store, run))
    }


def _starts(store: "Store") -> dict[str, str]:
    """Run -> its start, as text that sorts by time."""
    ids = set(run_ids(store))
    keys = (key.removeprefix(index.STARTS).partition("_") for key in store.list(index.STARTS))
    starts = {run: when for when, _, run in sorted(keys, reverse=True) if run in ids}
    old = [record for record in _records(store, sorted(ids - starts.keys())) if record]
    if old:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda one: _note(store, one), old))
        starts |= {record.run: index.moment(record.started) for record in old}
    return starts


def _note(store: "Store", record: RunRecord) -> None:
    index.note_old_run(store, record.run, record.started, over=record.ended is not None)


def _records(store: "Store", runs: list[str]) -> list[RunRecord | None]:
    keys = [f"runs/{run}/run.json" for run in runs]
    return [
        RunRecord.of_bytes(store, key, data) for key, data in zip(keys, store.read_all(keys), strict=True)
    ]
