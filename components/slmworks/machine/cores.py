"""How many cores this process may use."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
"""Where Linux tells the limits of control groups."""
OWN = Path("/proc/self/cgroup")
"""Where it tells the control groups of this process: lines like `0::/user.slice/job.scope`."""


def usable_cores(cgroups: Path = CGROUPS, own: Path = OWN) -> int:
    """Cores that this process may use: those it is allowed on, within its control group's share of time.

    The smallest share counts of its group and the groups around that one (a container's, a slice's; version 1
    or 2); a share of less than a core is one.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = min(_shares(cgroups, own), default=None)
    return allowed if share is None else max(1, min(allowed, math.ceil(share)))


def _shares(cgroups: Path, own: Path) -> Iterator[float]:
    """CPU seconds a second of each group with a limit."""
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = own.read_text(encoding="utf-8").splitlines()
    # a container sees its own group at the top, and the path of the machine that it isn't told
    found = {"": Path(), "cpu": Path()}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for name in {"", "cpu"} & set(controllers.split(",")):
            found[name] = Path(path.lstrip("/"))
    for name, group in found.items():
        for part in (group, *group.parents):
            yield from _share(cgroups / name / part)


def _share(group: Path) -> Iterator[float]:
    with contextlib.suppress(OSError, ValueError):
        if (second := group / "cpu.max").exists():
            quota, period = second.read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (group / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period")
            )
        if int(quota) > 0:
            yield int(quota) / int(period)
