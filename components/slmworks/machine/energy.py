"""Energy of this machine's processors, as the kernel counts it (RAPL)."""

import contextlib
from pathlib import Path

ZONES = Path("/sys/class/powercap")


class Meter:
    """Joules since the last look, of all that runs on the machine; 0 where nobody may read the counters."""

    def __init__(self, zones: Path = ZONES) -> None:
        """Look for the first time."""
        self._zones = sorted(zones.glob("intel-rapl:[0-9]"))  # packages; the parts below are counted in them
        self._last = self._look()

    def joules(self) -> float:
        """Joules since the last call."""
        before, self._last = self._last, self._look()
        used = 0.0
        for zone, (now, most) in self._last.items():
            if zone in before:
                used += (now - before[zone][0]) % max(most, 1.0)  # the counter starts again at its highest
        return used / 1e6

    def _look(self) -> dict[Path, tuple[float, float]]:
        found = {}
        for zone in self._zones:
            with contextlib.suppress(OSError, ValueError):  # root alone may read them, as a rule
                now = float((zone / "energy_uj").read_text())
                found[zone] = now, float((zone / "max_energy_range_uj").read_text())
        return found
