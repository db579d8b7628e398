"""Processes of one machine: thread limits, exit with the parent, the processor's name."""

import ctypes
import errno
import os
import platform
import signal
import sys
from functools import cache
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
AT_FDCWD = -100
RENAME_NOREPLACE = 1
OFFLINE = "SLMWORKS_HUB_OFFLINE"
"""Variable that keeps, for steps, whether the user had switched the hub off: 0 or 1."""
POLICY, SPINS = "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"
"""OpenMP's variables: whether a waiting thread spins, and how often libgomp's looks before it sleeps."""
PARENT = "SLMWORKS_PARENT"
"""Variable with the number of the process that a task must not outlive."""


def environment(threads: int) -> dict[str, str]:
    """Variables for a process that trains or serves: an explicit thread budget, no chatter, no hub.

    Its threads spin only for some microseconds while they wait for each other, unless the user has set how
    they wait: where others use the machine too, a spinning thread holds the core that the one it waits for
    needs. One that sleeps at once wakes up too late where nobody else does.
    """
    count = str(threads)
    waiting = {} if POLICY in os.environ else {SPINS: os.environ.get(SPINS, "10000")}
    return {
        **{f"{name}_NUM_THREADS": count for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR", "RAYON")},
        **waiting,
        "TOKENIZERS_PARALLELISM": "false",
        OFFLINE: str(int(hub_offline())),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def hub_offline() -> bool:
    """True if the user, and not only the environment of a step, keeps the hub's client off the network."""
    switches = (os.environ.get(name) for name in (OFFLINE, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
    return next(filter(None, switches), "").upper() in ("1", "ON", "YES", "TRUE")


def adopt_environment(threads: int) -> None:
    """Set those variables in this process, before libraries that read them; variables that are set stay."""
    for name, value in environment(threads).items():
        os.environ.setdefault(name, value)


def die_with(parent: int) -> None:
    """End this process when its parent ends, however that ends (Linux; elsewhere a no-op)."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before we asked
        os.kill(os.getpid(), signal.SIGKILL)


def rename_new(source: Path, target: Path) -> None:
    """Rename a file, but never over another: FileExistsError. OSError (EINVAL, ENOSYS) where that can't be.

    Linux; Python has no name for it (`renameat2`, RENAME_NOREPLACE).
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(target))
    if rename(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), RENAME_NOREPLACE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def stop(_number: int, _frame: FrameType | None) -> None:
    """Take a polite kill (a scheduler's, a container's) like Ctrl-C."""
    raise KeyboardInterrupt


@cache
def cpu_name() -> str:
    """The processor's model name, by the operating system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = next((line for line in lines if line.startswith("model name")), "").partition(":")[2].strip()
    if named:
        return named
    # ARM: no name, but numbers that tell one core design from another
    parts = [
        line.partition(":")[2].strip() for line in lines if line.startswith(("CPU implementer", "CPU part"))
    ]
    return " ".join([platform.machine(), *dict.fromkeys(parts)]) if parts else platform.processor()


def cpu_flags() -> frozenset[str]:
    """The processor's extensions, by the operating system's names (`avx2`); empty where it doesn't tell."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(named.partition(":")[2].split())
