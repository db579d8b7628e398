"""Who shares the work of a curation: an engine's workers, or as many processes as the task has threads.

Processes are spawned (forked ones hang where a library has threads), get functions and pieces pickled, and
end with their parent. Results come in the order of the pieces, so their number changes nothing but the time.
"""

import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from slmworks.contract.errors import TaskFailed
from slmworks.contract.stage import Task
from slmworks.contract.workers import Workers
from slmworks.machine.process import die_with
from slmworks_text.memory import be_frugal

P = TypeVar("P")
R = TypeVar("R")

LARGE = 8_000_000
"""Bytes of input from which more processes save more than the second that each needs to start."""
AHEAD = 3
"""Pieces that wait for each process."""


class Processes:
    """Workers that are processes of this machine."""

    def __init__(self, pool: ProcessPoolExecutor, count: int, scratch: Path) -> None:
        self.pool = pool
        self.count = count
        self.scratch = scratch
        self.functions = 0

    def map(self, function: Callable[[P], R], pieces: Iterable[P]) -> Iterator[R]:
        """As `Workers.map`; a function that can't be pickled (a stranger's row operator) is applied here."""
        try:
            content = pickle.dumps(function)
        except (pickle.PicklingError, TypeError, AttributeError):
            yield from map(function, pieces)
            return
        path = self.scratch / f"function-{self.functions}.pickle"
        self.functions += 1
        path.write_bytes(content)
        try:
            yield from self._mapped(str(path), pieces)
        except BrokenProcessPool:
            raise TaskFailed(
                "a process that shares the work of this curation ended before its work was done: it was "
                "killed, perhaps for memory (then give fewer threads), or it couldn't start, since a script "
                'that curates runs it outside `if __name__ == "__main__":`.'
            ) from None

    def _mapped(self, path: str, pieces: Iterable[P]) -> Iterator[R]:
        waiting: deque[Future[R]] = deque()
        failed, given = None, iter(pieces)
        while True:
            try:
                piece = next(given)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 (raised again below)
                failed = error
                break
            waiting.append(self.pool.submit(_applied, path, piece))
            while waiting and (len(waiting) > AHEAD * self.count or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
        if failed is not None:
            raise failed


@contextmanager
def workers_of(task: Task, size: int) -> Iterator[Workers | None]:
    """Those of the engine file's engine, or else processes for a task whose input has `size` bytes.

    None where this process is faster alone.
    """
    with task.workers() as workers:
        if workers is not None or task.threads < 2 or size < LARGE:
            yield workers
            return
    pool = ProcessPoolExecutor(task.threads, get_context("spawn"), _begin, (os.getpid(),))
    try:
        yield Processes(pool, task.threads, task.scratch)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(parent: int) -> None:
    """Set up a process: it ends with its parent, which hears of Ctrl-C alone."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    be_frugal()


def _applied(path: str, piece: Any) -> Any:
    return _function(path)(piece)


@lru_cache(maxsize=2)
def _function(path: str) -> Callable[[Any], Any]:
    found: Callable[[Any], Any] = pickle.loads(Path(path).read_bytes())  # noqa: S301 (our parent wrote it)
    return found
