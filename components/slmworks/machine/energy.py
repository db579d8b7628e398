"""Energy of this machine's processors (RAPL) and accelerators (NVML), as kernel and driver count it."""

import contextlib
from collections.abc import Hashable
from importlib import import_module
from math import inf
from pathlib import Path
from typing import Any

ZONES = Path("/sys/class/powercap")


class Meter:
    """Joules since the last look, of all that runs on the machine; 0 where nobody may read the counters."""

    def __init__(self, zones: Path = ZONES, *, accelerators: bool = False) -> None:
        """Look for the first time; `accelerators`: count these too, where nvidia-ml-py can read them."""
        self._zones = sorted(zones.glob("intel-rapl:[0-9]"))  # packages; the parts below are counted in them
        self._nvml: Any = None
        self._accelerators: list[Any] = []
        if accelerators:
            self._nvml, self._accelerators = _accelerators()
        self._last = self._look()

    def joules(self) -> float:
        """Joules since the last call."""
        before, self._last = self._last, self._look()
        used = 0.0
        for counter, (now, most) in self._last.items():
            if counter in before:
                used += _since(before[counter][0], now, most)
        return used / 1e6

    def _look(self) -> dict[Hashable, tuple[float, float]]:
        """Counter -> microjoules, and the most that it counts to."""
        found: dict[Hashable, tuple[float, float]] = {}
        for zone in self._zones:
            with contextlib.suppress(OSError, ValueError):  # root alone may read them, as a rule
                now = float((zone / "energy_uj").read_text())
                found[zone] = now, float((zone / "max_energy_range_uj").read_text())
        for number, one in enumerate(self._accelerators):
            with contextlib.suppress(self._nvml.NVMLError):  # cards before Volta count none
                found[number] = 1e3 * self._nvml.nvmlDeviceGetTotalEnergyConsumption(one), inf
        return found


def _since(before: float, now: float, most: float) -> float:
    """Microjoules between two looks at a counter that starts again at `most`, or when its driver does."""
    if most == inf:
        return max(now - before, 0.0)  # a remainder by inf would be inf
    return (now - before) % max(most, 1.0)


def _accelerators() -> tuple[Any, list[Any]]:
    """NVML, and its devices; none without the library, a driver or a card."""
    try:
        nvml = import_module("pynvml")
    except ModuleNotFoundError:
        return None, []
    try:
        nvml.nvmlInit()
        return nvml, [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return nvml, []
