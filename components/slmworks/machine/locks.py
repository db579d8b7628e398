"""Locks between the processes of a machine: leases on names and cores, scratch folders with an owner."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

from slmworks.machine.cores import usable_cores

OLD = 3600
"""A partial file older than this (seconds) was left by a dead process."""


@contextlib.contextmanager
def lease(place: Path, name: str, *, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold `name` alone among the processes of this machine; the kernel gives it back if we die."""
    with _locked(place / "leases" / f"{name}.lock", fcntl.LOCK_EX, waiting):
        yield


@contextlib.contextmanager
def cores(
    place: Path, threads: int, *, alone: bool, waiting: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a core for each of `threads` (0: none), or (`alone`, for measurements) the whole machine.

    Runs that share a store share the cores: two trainings with as many threads as there are cores would
    each be many times slower than one after the other.
    """
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with _locked(place / "cores.lock", how, waiting), contextlib.ExitStack() as held:
        if threads and not alone:
            _take_cores(place / "cores", min(threads, usable_cores()), held, waiting)
        yield


def _take_cores(place: Path, count: int, held: contextlib.ExitStack, waiting: Callable[[], None]) -> None:
    """Lock `count` of the files that stand for the cores; one process collects at a time."""
    place.mkdir(parents=True, exist_ok=True)
    with _locked(place / "collecting.lock", fcntl.LOCK_EX, waiting):
        wanted = [(place / f"{number}.lock").open("a") for number in range(usable_cores())]
        for handle in wanted:
            held.enter_context(handle)  # closing it gives it back
        taken = _lock_some(wanted, count)
        if len(taken) < count:
            waiting()
        while len(taken) < count:
            time.sleep(0.05)
            taken |= _lock_some([handle for handle in wanted if handle not in taken], count - len(taken))


def _lock_some(handles: Iterable[TextIO], count: int) -> set[TextIO]:
    taken: set[TextIO] = set()
    for handle in handles:
        if len(taken) == count:
            break
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken.add(handle)
    return taken


@contextlib.contextmanager
def _locked(path: Path, how: int, waiting: Callable[[], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, how)
        yield


@contextlib.contextmanager
def scratch_folder(place: Path, task_id: str) -> Iterator[Path]:
    """A folder for one task, removed afterwards. The lock beside it is held while its task runs."""
    folder = place / "scratch" / f"{os.getpid()}-{task_id}-{uuid.uuid4().hex[:8]}"
    lock = _lock_of(folder)
    with _locked(lock, fcntl.LOCK_EX, lambda: None):
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            lock.unlink(missing_ok=True)


def sweep(place: Path) -> None:
    """Remove the scratch folders of tasks that were killed: those whose lock nobody holds.

    Locks, not process numbers: containers that share a store don't share those. Single files that were
    being written live for milliseconds, so there age is enough.
    """
    for part in place.glob("parts/*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > OLD:
                part.unlink()
    folders = {_lock_of(folder): folder for folder in place.glob("scratch/*/")}
    for lock in abandoned(folders):
        shutil.rmtree(folders[lock], ignore_errors=True)


def abandoned(locks: Iterable[Path]) -> Iterator[Path]:
    """Yield lock files whose process is gone; each is locked while in use, then deleted.

    Locks that cannot be opened any more are left out.
    """
    for lock in locks:
        with contextlib.suppress(OSError), lock.open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield lock
            lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")
