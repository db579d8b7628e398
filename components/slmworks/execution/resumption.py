"""Checkpoints of a task between its attempts: a folder of a folder store that outlives a kill."""

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from slmworks.machine.locks import abandoned
from slmworks.store import Store
from slmworks.store.local import LocalStore

FOLDER = "checkpoints"


@contextlib.contextmanager
def checkpoint_folder(store: Store, identity: str, *, fresh: bool) -> Iterator[Path | None]:
    """The folder of a task with that identity, whose lease the caller holds; removed when the block succeeds.

    It may not exist yet. None for a bucket, beside which nothing on this machine outlives a pod. `fresh`:
    what an earlier attempt left is removed first.
    """
    if not isinstance(store, LocalStore):
        yield None
        return
    folder = store.cache / FOLDER / identity
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def forgotten(store: Store, before: float) -> list[Path]:
    """Folders of tasks that were given up: untouched since `before` (s since 1970)."""
    return [one for one in store.cache.glob(f"{FOLDER}/*") if _touched(one) < before]


def remove_forgotten(store: Store, before: float) -> None:
    """Remove such folders, but none whose task runs at this moment."""
    locks = {store.cache / "leases" / f"{one.name}.lock": one for one in forgotten(store, before)}
    for lock in locks:
        lock.parent.mkdir(parents=True, exist_ok=True)
    for lock in abandoned(locks):
        shutil.rmtree(locks[lock], ignore_errors=True)


def _touched(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    return time.time()
