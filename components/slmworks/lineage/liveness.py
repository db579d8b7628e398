"""Locks of running engines, and the closing of runs whose engine was killed.

An engine holds its run's lock as long as it lives; the kernel frees the lock whatever ends the process. Locks
lie beside the store's folder: runs of a machine that cannot be seen there are never closed here.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.execution.records import run_record, task_records
from slmworks.machine.locks import abandoned, locked

if TYPE_CHECKING:
    from slmworks.store import Store


@contextlib.contextmanager
def alive(store: "Store", run: str) -> Iterator[None]:
    """Hold the run's lock so that other processes see it is running. Wraps all that an engine does."""
    path = _locks(store) / f"{run}.lock"
    with locked(path):
        yield
        path.unlink(missing_ok=True)  # not in a `finally`: who broke off may not have said so in the record


def close_dead(store: "Store") -> list[str]:
    """Mark each run whose engine is gone as killed; returns those runs.

    Its end is the time of its last record. A run that ended by itself stays as it is.
    """
    dead = abandoned(sorted(_locks(store).glob("*.lock")))
    return [path.stem for path in dead if _close(store, path.stem)]


def _locks(store: "Store") -> Path:
    return store.cache / "alive"


def _close(store: "Store", run: str) -> bool:
    known = run_record(store, run)
    if known is None or known.ended is not None:  # killed before it wrote a record, or ended by itself
        return False
    tasks = list(task_records(store, run))
    last = max([known.started, *(task.ended for task in tasks)], key=_moment)
    for task in tasks:
        if task.state == "running":
            task.changed(state="killed", error="was killed with the run").write(store)
    known.changed(state="killed", ended=last).write(store)
    return True


def _moment(when: str) -> datetime:
    return datetime.fromisoformat(when) if when else datetime.min.replace(tzinfo=UTC)
