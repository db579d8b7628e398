"""How long something takes, by the clock and in time of cores."""

import os
import time
from typing import NamedTuple


class Spent(NamedTuple):
    """Time that was spent."""

    seconds: float = 0.0
    """By the clock."""
    cpu_seconds: float = 0.0
    """Of all cores, by this process and by those that it started and waited for."""


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._began, self._cpu = time.time(), _cpu_seconds()

    def spent(self) -> Spent:
        """The time since then."""
        return Spent(time.time() - self._began, _cpu_seconds() - self._cpu)


def _cpu_seconds() -> float:
    user, system, theirs, their_system, _ = os.times()
    return user + system + theirs + their_system
