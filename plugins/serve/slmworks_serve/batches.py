"""Batches without waiting: whatever is queued when a thread is free is computed together.

Nothing is delayed in the hope of company. A batch starts with the row that has waited longest and takes
rows of similar length along, so that one long text doesn't slow twenty short ones. When a batch fails, its
rows are computed one by one: nobody loses an answer to a neighbour's text.
"""

import asyncio
import contextlib
import functools
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Row
from slmworks.contract.runtime import length
from slmworks_serve.limits import Refused
from slmworks_serve.model import Loaded

PADDED = 16_384
"""Characters in one batch, each row counted as long as the longest."""
LOOKED_AT = 256
"""Waiting rows that are looked at for company."""

Answers = list[Answer]


@dataclass(eq=False, slots=True)
class _Asked:
    """One request: its rows are answered by one model, in whatever batches they end up."""

    model: Loaded
    answered: "asyncio.Future[Answers]"
    answers: Answers
    missing: int = field(init=False)
    waiting: int = field(init=False)
    """Its rows that have not started."""
    failed: bool = False
    """One of its rows failed: no other needs an answer. Set by a computing thread."""

    def __post_init__(self) -> None:
        self.missing = self.waiting = len(self.answers)


@dataclass(eq=False, slots=True)
class _Waiting:
    asked: _Asked
    place: int
    row: Row
    length: int
    """Characters."""


class Batches:
    """The queue of one event loop and its `threads` computing threads. Not for other threads to call."""

    def __init__(self, threads: int, *, max_batch: int, max_queue: int, seen: Callable[[int], None]) -> None:
        """`seen` is told the size of every batch."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="answer")
        self._threads, self._started = threads, 0
        self._queue: deque[_Waiting] = deque()
        self._waiting = 0
        self._max_batch, self._max_queue, self._seen = max_batch, max_queue, seen

    def __len__(self) -> int:
        """Rows that somebody waits for."""
        return self._waiting

    def answer(self, model: Loaded, rows: Sequence[Row]) -> "asyncio.Future[Answers]":
        """Answers in order. Cancelling drops what has not started; Refused (503) when too much waits.

        A request is let in when nothing waits, however many rows it has.
        """
        if self._waiting and self._waiting + len(rows) > self._max_queue:
            raise Refused(503, f"{self._waiting} texts wait already; try again in a second")
        loop = asyncio.get_running_loop()
        asked = _Asked(model, loop.create_future(), [{}] * len(rows))
        if not rows:
            asked.answered.set_result([])
        asked.answered.add_done_callback(functools.partial(self._drop, asked))
        self._queue.extend(_Waiting(asked, place, row, length(row)) for place, row in enumerate(rows))
        self._waiting += len(rows)
        self._start(loop)
        return asked.answered

    def _drop(self, asked: _Asked, _: "asyncio.Future[Answers]") -> None:
        """Count no more what nobody waits for, and sweep the queue before most of it is that."""
        self._waiting -= asked.waiting
        asked.waiting = 0
        if len(self._queue) > 2 * self._waiting + LOOKED_AT:
            self._queue = deque(one for one in self._queue if not one.asked.answered.done())

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        while room := self._room():
            batch = self._next(room)
            self._started += 1
            self._seen(len(batch))
            # Not `run_in_executor`, whose chain of futures is a tenth of the event loop's work.
            self._pool.submit(_compute, loop, batch, self._finish)

    def _room(self) -> int:
        """Rows that the next batch may have; 0 when none is to start.

        One full batch a thread is handed over ahead: otherwise a thread stands still until the event loop has
        its next one, a tenth of its time with a small model.
        """
        queue = self._queue
        while queue and queue[0].asked.answered.done():
            queue.popleft()
        if not queue:
            return 0
        most = min(self._max_batch, queue[0].asked.model.batch)
        if self._started < self._threads:
            return min(most, math.ceil(self._waiting / (self._threads - self._started)))
        return most if self._started < 2 * self._threads and self._waiting >= most else 0

    def _next(self, room: int) -> list[_Waiting]:
        """Take the next batch, of at most `room` rows, from the queue; somebody waits for its first."""
        queue = self._queue
        batch, left = [queue.popleft()], []
        shortest = longest = batch[0].length
        for _ in range(min(LOOKED_AT, len(queue)) if room > 1 else 0):
            one = queue.popleft()
            if one.asked.answered.done():
                continue
            low, high = min(shortest, one.length), max(longest, one.length)
            fits = high <= 1.5 * low + 16 and high * (len(batch) + 1) <= PADDED
            if fits and one.asked.model is batch[0].asked.model:
                batch.append(one)
                shortest, longest = low, high
            else:
                left.append(one)
            if len(batch) == room:
                break
        queue.extendleft(reversed(left))
        self._waiting -= len(batch)
        for one in batch:
            one.asked.waiting -= 1
        return batch

    def _finish(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting],
        answers: list[Answer | Exception],
    ) -> None:
        self._started -= 1
        for one, answer in zip(batch, answers, strict=True):
            asked = one.asked
            if asked.answered.done():  # nobody waits for it any more, or another of its rows failed
                continue
            if isinstance(answer, Exception):
                asked.answered.set_exception(answer)
                continue
            asked.answers[one.place] = answer
            asked.missing -= 1
            if not asked.missing:
                asked.answered.set_result(asked.answers)
        self._start(loop)


def _compute(
    loop: asyncio.AbstractEventLoop,
    batch: list[_Waiting],
    finish: Callable[[asyncio.AbstractEventLoop, list[_Waiting], list[Answer | Exception]], None],
) -> None:
    """Compute a batch in a computing thread; its event loop takes what came of it."""
    answers = _computed(batch)
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(finish, loop, batch, answers)


def _computed(batch: Sequence[_Waiting]) -> list[Answer | Exception]:
    """An answer or an error for each row of a batch, in a computing thread."""
    model, requests = batch[0].asked.model, {one.asked for one in batch}
    if all(asked.failed for asked in requests):
        return [{}] * len(batch)
    try:
        return list(model.answer([one.row for one in batch]))
    except BaseException as error:  # noqa: BLE001 - handed to whoever asked
        if len(requests) > 1:
            return [_alone(one) for one in batch]
        batch[0].asked.failed = True
        return [_fault(error)] * len(batch)


def _alone(one: _Waiting) -> Answer | Exception:
    """The answer to one row by itself; any for a request that fails anyway or that nobody waits for."""
    if one.asked.failed or one.asked.answered.done():
        return {}
    try:
        return one.asked.model.answer([one.row])[0]
    except BaseException as error:  # noqa: BLE001 - handed to whoever asked
        one.asked.failed = True
        return _fault(error)


def _fault(error: BaseException) -> Exception:
    """The error as one that a request can end with: a panic in a tokenizer's Rust is no Exception.

    A model's own line about a question (BadRequest) is for its asker.
    """
    if isinstance(error, BadRequest):
        return Refused(422, str(error))
    return error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")
