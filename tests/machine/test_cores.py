"""The cores that a process may use, by the limits of the control groups that it is in."""

import os
from pathlib import Path

import pytest

from slmworks.machine import cores
from slmworks.machine.cores import usable_cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("own", "files", "wanted"),
    [
        ("0::/", {"cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "50000 100000"}, 1),
        ("0::/", {"cpu.max": "100000 100000"}, 1),
        ("0::/", {"cpu.max": "900000 100000"}, None),
        ("0::/", {}, None),
        ("", {"cpu.max": "100000 100000"}, 1),
        # a job within a slice: the smallest share on the way up counts
        ("0::/a.slice/job", {"a.slice/job/cpu.max": "100000 100000"}, 1),
        ("0::/a.slice/job", {"a.slice/job/cpu.max": "max 100000", "a.slice/cpu.max": "50000 100000"}, 1),
        ("0::/a.slice/job", {"a.slice/job/cpu.max": "max 100000", "b.slice/cpu.max": "50000 100000"}, None),
        # version 1, one group a controller; a container's path is that of the machine, which it can't see
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ("4:cpu,cpuacct:/", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ("4:cpu:/docker/x", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ("4:cpu:/j\n0::/", {"cpu/j/cpu.cfs_quota_us": "50000\n", "cpu/j/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_a_process_has_the_cores_of_its_share(
    tmp_path: Path, own: str, files: dict[str, str], wanted: int | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "own").write_text(own)
    assert usable_cores(tmp_path, tmp_path / "own") == min(wanted or 99, ALL)


def test_where_nobody_tells_of_groups_all_cores_are_usable(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, tmp_path / "none") == ALL


def test_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    assert usable_cores(cores.CGROUPS, cores.OWN) == 1
