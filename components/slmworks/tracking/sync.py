"""Upload what runs have spooled: once (`sync`), or beside a run until it has ended (`watch`).

Idempotent. Whatever was uploaded is found again by its tags, so a crash, a second call or MLflow having
been down all end in the same picture.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, SlmworksError, did_you_mean
from slmworks.execution.history import runs_with
from slmworks.execution.index import uploaded
from slmworks.execution.records import RunRecord, run_ids, run_record, task_records
from slmworks.lineage.liveness import close_dead
from slmworks.machine.locks import lease
from slmworks.registry.log import Registry
from slmworks.store import open_store

if TYPE_CHECKING:
    from slmworks.store import Store
    from slmworks.tracking.connection import Tracking

POLL = 2.0
"""Seconds between two looks at a run that goes on."""


@dataclass
class SyncResult:
    """What a sync changed; all zero when MLflow was complete."""

    runs: int = 0
    """Runs that were looked at."""
    tasks: int = 0
    """Tasks that were brought in or up to date."""
    versions: int = 0
    """Registered versions that were created."""
    tags: int = 0
    """Tags of versions that were put right."""
    aliases: int = 0
    """Aliases that were set, moved or removed to agree with the log."""
    moved: int = 0
    """Names whose champion in MLflow was moved by hand and left there."""
    waiting: int = 0
    """Versions whose release has not been uploaded (its run is not in this store)."""

    def __str__(self) -> str:
        parts = [
            f"{self.runs} runs looked at",
            f"{self.tasks} tasks uploaded",
            f"{self.versions} versions created",
        ]
        parts += (
            [f"{self.aliases} aliases and {self.tags} tags put right"] if self.aliases or self.tags else []
        )
        parts += [f"{self.waiting} versions wait for their release"] if self.waiting else []
        if self.moved:
            parts.append(f"{self.moved} champions moved by hand (slmworks lineage sync puts them back)")
        return ", ".join(parts)


def sync(store: "Store", tracking_uri: str, run: str | None = None, *, overrule: bool = True) -> SyncResult:
    """Bring MLflow up to date with all runs (or one) and with the registry's log.

    Runs whose engine was killed are closed first. Those that an earlier call found complete (a mark in the
    store and MLflow's own tag say so) are not read again. What was moved in MLflow by hand is
    put back, unless `overrule` is False: what works in the background leaves that to a person.
    SlmworksError in one line when MLflow can't be reached; nothing is lost then.
    """
    if run is not None and run_record(store, run) is None:
        raise BadRequest(f"no run '{run}' in {store.url}. {did_you_mean(run, run_ids(store))}")
    closed = close_dead(store)
    from slmworks.tracking.connection import connect, told_in_one_line

    with told_in_one_line(tracking_uri):
        tracking = connect(tracking_uri)
        runs = _to_upload(store, tracking, tracking_uri) if run is None else sorted({run, *closed})
        return _pass(store, tracking, tracking_uri, runs, Registry(store).names(), overrule=overrule)


def sync_model(store: "Store", tracking_uri: str, name: str) -> SyncResult:
    """Bring MLflow up to date with the log of one name, and with the runs that its versions wait for.

    What a decision costs, then, does not grow with the runs of a store.
    """
    from slmworks.tracking.connection import connect, told_in_one_line

    with told_in_one_line(tracking_uri):
        tracking = connect(tracking_uri)
        total = _pass(store, tracking, tracking_uri, [], [name])
        if total.waiting:
            shown = _shown(tracking, name)
            versions = (one.number for one in Registry(store).state(name).versions)
            waiting = [number for number in versions if str(number) not in shown]
            runs = {record.run for number in waiting for record in islice(runs_with(store, name, number), 1)}
            total = _pass(store, tracking, tracking_uri, sorted(runs), [name])
        return total


def watch(store_url: str, tracking_uri: str, run: str, every: float = POLL) -> SyncResult:
    """Upload a run's records while it goes on; ends when it has ended, or with the process that started us.

    An MLflow that is down is tried again as long as the run goes on; only the last try raises.
    """
    store, parent = open_store(store_url), os.getppid()
    os.nice(10)
    total, before = SyncResult(), ""
    while True:
        record = run_record(store, run)
        last = (record is not None and record.ended is not None) or os.getppid() != parent
        now = _look(store, run)
        if last or now != before:
            try:
                total = _added(total, sync(store, tracking_uri, run, overrule=False))
                before = now
            except SlmworksError:
                if last:
                    raise
        if last:
            return total
        time.sleep(every)


def _shown(tracking: "Tracking", name: str) -> Container[str]:
    from slmworks.tracking.versions import shown_versions

    return shown_versions(tracking.client, name)


def _to_upload(store: "Store", tracking: "Tracking", uri: str) -> list[str]:
    """The runs that MLflow does not have in full."""
    from slmworks.tracking.runs import COMPLETE, RUN, TASK

    marked = {key.split("/")[1] for key in store.list("uploaded/") if key.endswith(f"/{_short(uri)}")}
    have = Counter(one.data.tags[RUN] for one in tracking.runs({TASK: "-"}) if COMPLETE in one.data.tags)
    return [run for run in run_ids(store) if run not in marked or have[run] != 1]


def _mark(store: "Store", uri: str, record: RunRecord) -> None:
    """Note that MLflow has a run in full; a record that is written from now on takes the mark away."""
    key = f"{uploaded(record.run)}{_short(uri)}"
    store.create(key, b"")
    now = run_record(store, record.run)
    if now is None or now.seal != record.seal:  # it was written before the mark could be seen
        store.remove(key)


@contextmanager
def one_at_a_time(store: "Store", uri: str) -> Iterator[None]:
    """Be the only process of this machine that writes to an MLflow, which cannot create a run if absent."""
    with lease(store.cache, f"lineage-{_short(uri)}"):
        yield


def _short(uri: str) -> str:
    return hashlib.sha256(uri.encode()).hexdigest()[:12]


def _pass(
    store: "Store",
    tracking: "Tracking",
    uri: str,
    runs: Sequence[str],
    names: Sequence[str],
    *,
    overrule: bool = True,
) -> SyncResult:
    from slmworks.tracking.runs import RunUpload
    from slmworks.tracking.versions import project

    result = SyncResult(runs=len(runs))
    with one_at_a_time(store, uri):
        for run in runs:
            record = run_record(store, run)
            if record is None:  # killed before it wrote one
                continue
            tasks = list(task_records(store, run))
            upload = RunUpload(tracking, store, record, tasks)
            upload.upload()
            result.tasks += upload.uploaded
            if record.ended and not upload.uploaded:  # found whole and once: the pass before may have doubled
                _mark(store, uri, record)
        registry = Registry(store)
        for model in names:
            shown = project(tracking, store, registry.state(model), overrule=overrule)
            result.versions += shown.versions
            result.tags += shown.tags
            result.aliases += shown.aliases
            result.waiting += shown.waiting
            result.moved += shown.moved
    return result


def _look(store: "Store", run: str) -> str:
    """Changes whenever a record of the run does."""
    seen = hashlib.sha256()
    keys = [f"runs/{run}/{name}" for name in store.children(f"runs/{run}/") if name.endswith(".json")]
    for data in store.read_all(keys):
        seen.update(data or b"")
    return seen.hexdigest()


def _added(total: SyncResult, more: SyncResult) -> SyncResult:
    summed = {
        name: getattr(total, name) + getattr(more, name) for name in ("tasks", "versions", "tags", "aliases")
    }
    return SyncResult(runs=1, waiting=more.waiting, moved=more.moved, **summed)
