"""Batches without waiting: whatever is queued when a thread is free is computed together.

Nothing is delayed in the hope of company. A batch starts with the text that has waited longest and takes
texts of similar length along, so that one long text doesn't slow twenty short ones.
"""

import asyncio
import functools
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from slmworks_serve.limits import Refused
from slmworks_serve.model import Loaded

PADDED = 16_384
"""Characters in one batch, each text counted as long as the longest."""
LOOKED_AT = 256
"""Waiting texts that are looked at for company."""

Answers = list[dict[str, Any]]


@dataclass(eq=False, slots=True)
class _Asked:
    """One request: its texts are answered by one model, in whatever batches they end up."""

    model: Loaded
    answered: "asyncio.Future[Answers]"
    answers: Answers
    missing: int = field(init=False)

    def __post_init__(self) -> None:
        self.missing = len(self.answers)


@dataclass(eq=False, slots=True)
class _Text:
    asked: _Asked
    place: int
    text: str


class Batches:
    """The queue of one event loop and its `threads` computing threads. Not for other threads to call."""

    def __init__(self, threads: int, *, max_batch: int, max_queue: int, seen: Callable[[int], None]) -> None:
        """`seen` is told the size of every batch."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="classify")
        self._idle = threads
        self._waiting: deque[_Text] = deque()
        self._max_batch, self._max_queue, self._seen = max_batch, max_queue, seen

    def __len__(self) -> int:
        """Texts that wait."""
        return len(self._waiting)

    async def answer(self, model: Loaded, texts: Sequence[str]) -> Answers:
        """Answers in order. Cancelling drops what has not started; Refused (503) when too much waits.

        A request is let in when nothing waits, however many texts it has.
        """
        if not texts:
            return []
        if self._waiting and len(self._waiting) + len(texts) > self._max_queue:
            raise Refused(503, f"{len(self._waiting)} texts wait already; try again in a second")
        loop = asyncio.get_running_loop()
        asked = _Asked(model, loop.create_future(), [{}] * len(texts))
        self._waiting.extend(_Text(asked, place, text) for place, text in enumerate(texts))
        self._start(loop)
        return await asked.answered

    def close(self) -> None:
        """Let the threads go; batches that run are finished."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._idle and (batch := self._next()):
            self._idle -= 1
            self._seen(len(batch))
            model = batch[0].asked.model
            running = loop.run_in_executor(self._pool, model.classify, [one.text for one in batch])
            running.add_done_callback(functools.partial(self._finish, loop, batch))

    def _next(self) -> list[_Text]:
        """Take the next batch from the queue; empty when nobody waits."""
        waiting = self._waiting
        while waiting and waiting[0].asked.answered.done():
            waiting.popleft()
        if not waiting:
            return []
        room = min(self._max_batch, math.ceil(len(waiting) / self._idle))
        batch, left = [waiting.popleft()], []
        shortest = longest = len(batch[0].text)
        for _ in range(min(LOOKED_AT, len(waiting)) if room > 1 else 0):
            one = waiting.popleft()
            if one.asked.answered.done():
                continue
            low, high = min(shortest, len(one.text)), max(longest, len(one.text))
            fits = high <= 2 * low + 32 and high * (len(batch) + 1) <= PADDED
            if fits and one.asked.model is batch[0].asked.model:
                batch.append(one)
                shortest, longest = low, high
            else:
                left.append(one)
            if len(batch) == room:
                break
        waiting.extendleft(reversed(left))
        return batch

    def _finish(
        self, loop: asyncio.AbstractEventLoop, batch: list[_Text], done: "asyncio.Future[Answers]"
    ) -> None:
        self._idle += 1
        error = None if done.cancelled() else done.exception()
        for place, one in enumerate(batch):
            asked = one.asked
            if asked.answered.done():  # its deadline passed
                continue
            if done.cancelled() or error is not None:
                asked.answered.set_exception(error or Refused(503, "the server is stopping"))
                continue
            asked.answers[one.place] = done.result()[place]
            asked.missing -= 1
            if not asked.missing:
                asked.answered.set_result(asked.answers)
        if not loop.is_closed():
            self._start(loop)
