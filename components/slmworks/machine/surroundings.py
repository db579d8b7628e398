"""What else a machine did while something was measured on it."""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median_high
from typing import Any

WORK = ("user", "nice", "system", "irq", "softirq")
"""Counters of CPU time that something ran in; what a system does not count is missing."""
BUSY_ROUNDS = 0.25
"""Share of disturbed rounds from which on a machine counts as busy."""
LEAST_OWN = 0.8
"""A process that always computes and has less CPU time than this share of the clock's was kept waiting."""
MOST_STOLEN = 0.05
"""Share of a virtual machine's time that its host may give to others."""
TOLERANCE = 0.2
"""Cores that others (a desktop, monitoring) may use although the task's threads need all of them."""


@dataclass(frozen=True)
class Moment:
    """Counters of the whole machine at one time."""

    clock: float
    """Seconds of the wall clock."""
    busy: float
    """CPU seconds of all processes since the machine was started."""
    stolen: float | None
    """CPU seconds that the host of a virtual machine gave to others; None where nobody tells."""

    @classmethod
    def now(cls) -> "Moment":
        """Read the counters."""
        import psutil

        said = psutil.cpu_times()
        busy = sum(getattr(said, name, 0.0) for name in WORK)
        return cls(time.perf_counter(), busy, getattr(said, "steal", None))


@dataclass(frozen=True)
class Round:
    """One round of a measurement."""

    others: float
    """Cores that other processes used."""
    stolen: float | None
    """Share of the machine's time that its host gave to others."""
    own: float
    """Least share of the clock's time that a measured process had on a core; more than 1 with threads."""
    load: float
    """The machine's load average over the last minute."""

    @classmethod
    def between(cls, start: Moment, end: Moment, *, used: float, own: float) -> "Round":
        """What happened between two moments; `used`: CPU seconds of the measured processes together."""
        seconds, cores = max(end.clock - start.clock, 1e-9), os.cpu_count() or 1
        others, stolen = max(0.0, (end.busy - start.busy - used) / seconds), None
        if start.stolen is not None and end.stolen is not None:
            stolen = max(0.0, (end.stolen - start.stolen) / seconds / cores)
        return cls(others, stolen, own, os.getloadavg()[0])

    def as_json(self) -> dict[str, float | None]:
        """Rounded, for a report."""
        return {name: None if value is None else round(value, 3) for name, value in asdict(self).items()}


def surroundings(rounds: Sequence[Round], *, threads: int) -> dict[str, Any]:
    """For a report: cores, rounds, and in words why the machine counts as busy, empty if it does not.

    Others disturb where they leave less than the threads and half a core, beyond a tolerance.
    """
    cores = os.cpu_count() or 1
    free = max(TOLERANCE, cores - threads - 0.5)
    causes = {
        f"other processes used {{:.1f}} of {cores} cores": [
            one.others for one in rounds if one.others > free
        ],
        "the host gave {:.0%} of the machine to others": [
            one.stolen for one in rounds if one.stolen is not None and one.stolen > MOST_STOLEN
        ],
        "the model had a core for {:.0%} of the time": [one.own for one in rounds if one.own < LEAST_OWN],
    }
    enough = max(BUSY_ROUNDS * len(rounds), 1)
    busy = [words.format(median_high(found)) for words, found in causes.items() if len(found) >= enough]
    return {"cores": cores, "busy": ", ".join(busy), "rounds": [one.as_json() for one in rounds]}
