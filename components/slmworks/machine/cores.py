"""How many cores this process may use."""

import contextlib
import math
import os
from pathlib import Path


def usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Cores that this process may use: those it is allowed on, within its container's share of time.

    A share of less than a core is one; `cgroup` is where Linux tells (version 2, else version 1).
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _share(cgroup)
    return allowed if share is None else max(1, min(allowed, math.ceil(share)))


def _share(cgroup: Path) -> float | None:
    """CPU seconds a second that a container has, None where it has no limit."""
    with contextlib.suppress(OSError, ValueError):
        if (second := cgroup / "cpu.max").exists():
            quota, period = second.read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (cgroup / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="utf-8")
                for name in ("quota", "period")
            )
        if int(quota) > 0:
            return int(quota) / int(period)
    return None
