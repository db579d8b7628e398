"""What a store leaves on this machine: copies of a bucket, locks, damaged objects, runs that are gone."""

import contextlib
import shutil
import time
from collections.abc import MutableMapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.execution.resumption import forgotten, remove_forgotten
from slmworks.machine.locks import abandoned, sweep
from slmworks.store.objects import ObjectStore

if TYPE_CHECKING:
    from slmworks.retention.roots import Kept
    from slmworks.store import Store

DAY = 86400.0
DAMAGED, LOCKS, COPIES, GONE, CHECKPOINTS = (
    "damaged objects on this machine",
    "lock files on this machine",
    "copies of the bucket on this machine",
    "records on this machine of runs that are gone",
    "checkpoints on this machine of tasks that were given up",
)


def tidy(
    store: "Store",
    removed: MutableMapping[str, Any],
    kept: "Kept",
    before: datetime,
    copies: int,
    *,
    dry_run: bool,
) -> None:
    """Remove what this machine needs no more; adds to `removed`, kind -> amount."""
    gone = {DAMAGED: [one for one in store.cache.glob("damaged/*") if _changed(one) < before.timestamp()]}
    if isinstance(store, ObjectStore):
        known = list(store.root.glob("runs/*"))  # before the store is asked: a run may begin now
        there = set(store.children("runs/"))
        gone[GONE] = [folder for folder in known if folder.name not in there]
        _copies(store, removed, kept, copies, dry_run=dry_run)
    for kind, folders in gone.items():
        for folder in folders:
            removed[kind].add(_size(folder))
            if not dry_run:
                shutil.rmtree(folder, ignore_errors=True)
    for folder in forgotten(store, before.timestamp()):
        removed[CHECKPOINTS].add(_size(folder))
    if not dry_run:
        remove_forgotten(store, before.timestamp())
    old = [path for path in store.cache.glob("leases/*.lock") if _age(path) > DAY]
    if not dry_run:
        sweep(store.cache)
        shutil.rmtree(store.cache / "removed", ignore_errors=True)
        old = list(abandoned(old))
    removed[LOCKS].add(0, len(old))


def _copies(
    store: ObjectStore, removed: MutableMapping[str, Any], kept: "Kept", most: int, *, dry_run: bool
) -> None:
    """Remove the copies that were used the longest time ago until the rest has its room.

    One that was used within a day, or that a run which goes on may read, stays in any case.
    """
    there, room = set(store.children("objects/")), most
    listed = [path for path in store.root.glob("copies/*.json") if path.exists()]
    for path in sorted(listed, key=lambda one: one.stat().st_mtime, reverse=True):
        digest, size = path.stem, _size(store.root / "objects" / path.stem)
        in_use = digest in kept.running or _age(path) < DAY
        room -= size
        if not in_use and (digest not in there or room < 0):
            removed[COPIES].add(size)
            if not dry_run:
                store.drop_copy(digest)


def _changed(folder: Path) -> float:
    """When a folder was laid aside: its other times are from when it was whole."""
    return folder.stat().st_ctime


def _age(path: Path) -> float:
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime
    return 0.0


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)
