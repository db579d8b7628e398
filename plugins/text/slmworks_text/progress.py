"""Progress of curation: rows read, and near duplicates compared."""

import time
from collections.abc import Callable
from typing import Any

from slmworks.contract.stage import Task
from slmworks_text.joins.near import Progress
from slmworks_text.streams import Meter

SECONDS = 0.3
"""Shortest time between two events."""


def reading(task: Task, meter: Meter, name: str) -> Callable[[int], None]:
    """Takes the rows read so far, of as many as there will be if the rest is like them."""

    def tell(rows: int) -> None:
        done = meter.done
        total = rows * meter.total / done if done and meter.total else None
        task.progress(rows, total, note=f"reading and cleaning {name}")

    return _seldom(tell)


def near(task: Task) -> Progress:
    """Takes rows whose signatures are computed, then bands that are compared."""
    return _compared(task, "near duplicates", "comparing near duplicates")


def embedding(task: Task) -> Progress:
    """Takes rows that are embedded, then pairs of embeddings that are compared."""
    return _compared(task, "embedding", "comparing embeddings")


def _compared(task: Task, note: str, comparing: str) -> Progress:
    rows = _seldom(lambda done, total: task.progress(done, total, note=note))
    others = _seldom(lambda done, total, unit: task.progress(done, total, unit=unit, note=comparing))

    def tell(done: int, total: int, unit: str) -> None:
        if unit == "rows":
            rows(done, total)
        else:
            others(done, total, unit)

    return tell


def _seldom(act: Callable[..., None]) -> Callable[..., None]:
    """`act`, at most once in `SECONDS`."""
    last = time.monotonic()

    def tick(*done: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS:
            last = now
            act(*done)

    return tick
