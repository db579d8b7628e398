"""Locks between the processes of a machine: leases on names and cores, scratch folders with an owner.

All of them are `flock` on a file that is opened to read and to write: NFS makes byte-range locks of them, and
of these a shared one must be readable, an exclusive one writable. A folder can't be locked there.
"""

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
    with locked(place / "leases" / f"{name}.lock", waiting=waiting):
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
    with locked(place / "cores.lock", how, waiting=waiting), contextlib.ExitStack() as held:
        if threads and not alone:
            _take_cores(place / "cores", min(threads, usable_cores()), held, waiting)
        yield


def _take_cores(place: Path, count: int, held: contextlib.ExitStack, waiting: Callable[[], None]) -> None:
    """Lock `count` of the files that stand for the cores; one process collects at a time."""
    with locked(place / "collecting.lock", waiting=waiting):
        wanted = [_opened(place / f"{number}.lock") for number in range(usable_cores())]
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
            _flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken.add(handle)
    return taken


@contextlib.contextmanager
def locked(
    path: Path, how: int = fcntl.LOCK_EX, *, waiting: Callable[[], None] | None = lambda: None
) -> Iterator[None]:
    """Hold a lock on the file `path`, which is made; whoever holds it may delete it.

    `waiting` is called if another process has it; None: BlockingIOError then. OSError where the file system
    has no locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with _opened(path) as handle:
            try:
                _flock(handle, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting is None:
                    raise
                waiting()
                _flock(handle, how)
            if _is_at(handle, path):  # else its holder deleted it: what is locked is a file that nobody finds
                yield
                return


def _opened(path: Path) -> TextIO:
    return path.open("a+")


def _flock(handle: TextIO, how: int) -> None:
    try:
        fcntl.flock(handle, how)
    except BlockingIOError:
        raise
    except OSError as error:
        why = f"its file system has no locks ({error.strerror}); take one that has, or mount it with locks"
        raise OSError(error.errno, why, handle.name) from None


def _is_at(handle: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def scratch_folder(place: Path, task_id: str) -> Iterator[Path]:
    """A folder for one task, removed afterwards. The lock beside it is held while its task runs."""
    folder = place / "scratch" / f"{os.getpid()}-{task_id}-{uuid.uuid4().hex[:8]}"
    lock = _lock_of(folder)
    with locked(lock):
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
        with contextlib.suppress(OSError), _opened(lock) as handle:
            _flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(handle, lock):  # else it ended by itself just now
                yield lock
                lock.unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + ".lock")
