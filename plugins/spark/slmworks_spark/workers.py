"""Pieces of work as tasks of Spark: a few jobs are under way at a time, results come in order."""

import itertools
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from slmworks.contract.errors import TaskFailed, first_line
from slmworks_spark.reasons import reason_of

P = TypeVar("P")
R = TypeVar("R")

JOBS = 3
"""Jobs under way, so that no executor waits for the slowest piece of one, nor for the driver."""


class SparkWorkers:
    """Executors of one session; `slots`: pieces that they work on at a time."""

    def __init__(self, context: Any, slots: int) -> None:
        self.context = context
        self.slots = slots

    def map(self, function: Callable[[P], R], pieces: Iterable[P]) -> Iterator[R]:
        """See `slmworks.contract.workers.Workers`. In memory are the pieces of a few jobs."""
        source, more, failed = iter(pieces), True, None
        waiting: deque[Future[list[bytes]]] = deque()
        with ThreadPoolExecutor(JOBS) as pool:
            while more or waiting:
                while more and len(waiting) < JOBS:
                    wave, failed = _taken(source, self.slots)
                    more = len(wave) == self.slots and failed is None
                    if wave:
                        waiting.append(pool.submit(self._job, function, wave))
                if waiting:
                    yield from map(_opened, waiting.popleft().result())
        if failed is not None:
            raise failed

    def _job(self, function: Callable[[P], R], wave: Sequence[P]) -> list[bytes]:
        """The packed results of some pieces, each a partition of its own."""
        packed = [pickle.dumps(piece, pickle.HIGHEST_PROTOCOL) for piece in wave]
        try:
            found: list[bytes] = (
                self.context.parallelize(packed, len(packed)).map(_Packed(function)).collect()
            )
        except Exception as error:  # of Java or of pickle, with a trace of a hundred lines
            if self._ended():
                raise TaskFailed(
                    f"Spark at {self.context.master} ended, or was never reached; the task's log says more."
                ) from error
            raise TaskFailed(f"Spark gave up a piece of work: {reason_of(error)}") from error
        return found

    def _ended(self) -> bool:
        """True if the session is over, or its JVM."""
        try:
            return bool(self.context._jsc.sc().isStopped())  # noqa: SLF001 - there is no other way to ask
        except Exception:  # noqa: BLE001 (of the connection to the JVM)
            return True


class _Packed:
    """The function on an executor: what it returns or raises, packed."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, piece: bytes) -> bytes:
        found: tuple[Any, Exception | None]
        try:
            found = (self.function(pickle.loads(piece)), None)  # noqa: S301 - the driver's
        except Exception as error:  # noqa: BLE001 (raised again on the driver)
            found = (None, error)
        try:
            return pickle.dumps(found, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 (an exception that can't be pickled)
            return pickle.dumps((None, TaskFailed(first_line(found[1] or error))))


def _opened(packed: bytes) -> Any:
    found, error = pickle.loads(packed)  # noqa: S301 - of our own executors
    if error is not None:
        raise error
    return found


def _taken(source: Iterator[P], most: int) -> tuple[list[P], Exception | None]:
    """Up to so many pieces, and what the source raised behind them."""
    wave: list[P] = []
    try:
        for piece in itertools.islice(source, most):
            wave.append(piece)  # noqa: PERF402 - those before an error count
    except Exception as error:  # noqa: BLE001 (raised behind the results of the pieces before)
        return wave, error
    return wave, None
