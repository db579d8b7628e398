"""Which runs go on, and which only look like it because their engine was killed.

The engine holds a lock for as long as it lives; the kernel lets go of it whatever ends the process. Locks
are of this machine, so nobody here judges the runs of another one.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.machine.locks import abandoned

if TYPE_CHECKING:
    from slmworks.store import Store


@contextlib.contextmanager
def alive(store: "Store", run: str) -> Iterator[None]:
    """Tell, for as long as the block lasts, that this run goes on. Wraps all that an engine does."""
    path = _locks(store) / f"{run}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)  # not in a `finally`: who broke off may not have said so in the record


def close_dead(store: "Store") -> list[str]:
    """Write into the record of each run whose engine is gone that it was killed; gives those runs.

    It is said to have ended when it last wrote a record. A run that ended by itself is left as it is.
    """
    dead = abandoned(sorted(_locks(store).glob("*.lock")))
    return [path.stem for path in dead if _close(store, path.stem)]


def _locks(store: "Store") -> Path:
    return store.cache / "alive"


def _close(store: "Store", run: str) -> bool:
    key = f"runs/{run}/run.json"
    data = store.read(key)
    if data is None:  # killed before it wrote a word
        return False
    record = json.loads(data)
    if record["ended"] is not None:
        return False
    found = {
        one: store.read(one) for one in store.list(f"runs/{run}/") if one.endswith(".json") and one != key
    }
    tasks = {one: json.loads(data) for one, data in found.items() if data}
    last = max([record["started"], *(task.get("ended", "") for task in tasks.values())], key=_moment)
    for one, task in tasks.items():
        if task.get("state") == "running":
            _write(store, one, {**task, "state": "killed", "error": "was killed with the run"})
    _write(store, key, {**record, "state": "killed", "ended": last})
    return True


def _write(store: "Store", key: str, record: Mapping[str, Any]) -> None:
    store.write(key, json.dumps(record, indent=1, ensure_ascii=False).encode())


def _moment(when: str) -> datetime:
    return datetime.fromisoformat(when) if when else datetime.min.replace(tzinfo=UTC)
