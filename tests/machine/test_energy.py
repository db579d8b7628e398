import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from slmworks.machine.energy import Meter


def write(zone: Path, used: int, most: int = 1_000_000) -> None:
    zone.mkdir(exist_ok=True)
    (zone / "energy_uj").write_text(f"{used}\n")
    (zone / "max_energy_range_uj").write_text(f"{most}\n")


def test_joules_since_the_last_look_of_all_packages(tmp_path: Path) -> None:
    for number in range(2):
        write(tmp_path / f"intel-rapl:{number}", 100_000)
    write(tmp_path / "intel-rapl:0:0", 5)  # a part of a package, counted in it
    meter = Meter(tmp_path)
    write(tmp_path / "intel-rapl:0", 350_000)
    write(tmp_path / "intel-rapl:1", 150_000)
    write(tmp_path / "intel-rapl:0:0", 999_999)
    assert meter.joules() == 0.3
    assert meter.joules() == 0.0


def test_a_counter_that_began_again_is_not_negative(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", 900_000)
    meter = Meter(tmp_path)
    write(tmp_path / "intel-rapl:0", 200_000)
    assert meter.joules() == 0.3


def test_without_counters_nothing_is_said(tmp_path: Path) -> None:
    assert Meter(tmp_path / "none").joules() == 0.0
    (tmp_path / "intel-rapl:0").mkdir()
    assert Meter(tmp_path).joules() == 0.0


def test_a_machine_without_an_accelerator_counts_its_processors(tmp_path: Path) -> None:
    write(tmp_path / "intel-rapl:0", 100_000)
    meter = Meter(tmp_path, accelerators=True)
    write(tmp_path / "intel-rapl:0", 400_000)
    assert meter.joules() == 0.3


def test_accelerators_are_counted_beside_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for NVML's four calls: no machine of the tests has a card."""
    millijoules = [5_000, 7_000, 0]

    class NVMLError(Exception):
        pass

    def total(card: int) -> int:
        if card == 2:
            raise NVMLError("not supported")
        return millijoules[card]

    nvml = SimpleNamespace(
        NVMLError=NVMLError, nvmlInit=lambda: None, nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=int, nvmlDeviceGetTotalEnergyConsumption=total,
    )  # fmt: skip
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    write(tmp_path / "intel-rapl:0", 100_000)
    meter, processors = Meter(tmp_path, accelerators=True), Meter(tmp_path)
    millijoules[:] = [6_500, 7_250, 9]
    write(tmp_path / "intel-rapl:0", 400_000)
    assert meter.joules() == 1.5 + 0.25 + 0.3
    assert processors.joules() == 0.3
    millijoules[:] = [6_600, 100, 9]  # the second card's driver began anew
    assert meter.joules() == 0.1
