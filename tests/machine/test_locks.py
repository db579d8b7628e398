"""Processes that share a machine: cores are held, not assumed."""

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from disks import Asked, nfs  # noqa: F401 - a fixture
from slmworks.contract.errors import exit_of
from slmworks.machine import locks
from slmworks.machine.cores import usable_cores

HOLD = """
import sys, time
from pathlib import Path
from slmworks.machine.locks import cores
with cores(Path(sys.argv[1]), int(sys.argv[2]), alone=sys.argv[3] == "alone", waiting=lambda: print("waits", flush=True)):
    print("works", flush=True)
    sys.stdin.read()
"""


class Holder:
    """Another process that holds cores until it is told to stop."""

    def __init__(self, place: Path, threads: int, *, alone: bool = False) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(place), str(threads), "alone" if alone else ""],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def says(self) -> str:
        return self.process.stdout.readline().strip()

    def stop(self) -> None:
        self.process.communicate()


@pytest.fixture
def all_cores() -> int:
    return usable_cores()


def test_a_second_training_waits_for_the_first(tmp_path: Path, all_cores: int) -> None:
    first = Holder(tmp_path, all_cores)
    assert first.says() == "works"
    second = Holder(tmp_path, 1)
    assert second.says() == "waits"
    first.stop()
    assert second.says() == "works"
    second.stop()


def test_a_light_task_waits_for_nobody_but_a_measurement(tmp_path: Path, all_cores: int) -> None:
    training = Holder(tmp_path, all_cores)
    assert training.says() == "works"
    light = Holder(tmp_path, 0)
    assert light.says() == "works"
    measuring = Holder(tmp_path, all_cores, alone=True)
    assert measuring.says() == "waits"
    training.stop()
    light.stop()
    assert measuring.says() == "works"
    late = Holder(tmp_path, 0)
    assert late.says() == "waits"
    measuring.stop()
    assert late.says() == "works"
    late.stop()


def test_a_killed_holder_gives_its_cores_back(tmp_path: Path, all_cores: int) -> None:
    first = Holder(tmp_path, all_cores)
    assert first.says() == "works"
    first.process.kill()
    first.process.wait()
    begun = time.monotonic()
    with locks.cores(tmp_path, all_cores, alone=False):
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("alone", [False, True], ids=["shared", "alone"])
def test_on_nfs_cores_and_leases_are_held_as_elsewhere(tmp_path: Path, nfs: Asked, alone: bool) -> None:
    with locks.cores(tmp_path, 1, alone=alone), locks.lease(tmp_path, "name"):
        holder = Holder(tmp_path, 1, alone=True)
        assert holder.says() == "waits"
    assert holder.says() == "works"
    holder.stop()
    with locks.scratch_folder(tmp_path, "task") as folder:
        locks.sweep(tmp_path)
        assert folder.is_dir()
    assert nfs() == ({"exclusive"} if alone else {"shared", "exclusive"})


def test_who_waited_for_a_lock_that_its_holder_deleted_holds_one_that_others_see(tmp_path: Path) -> None:
    path, waits, held, over = tmp_path / "lock", threading.Event(), threading.Event(), threading.Event()

    def second() -> None:
        with locks.locked(path, waiting=waits.set):
            held.set()
            over.wait(30)

    other = threading.Thread(target=second)
    with locks.locked(path):
        other.start()
        assert waits.wait(30)
        path.unlink()
    assert held.wait(30)
    with pytest.raises(BlockingIOError), locks.locked(path, waiting=None):
        pass
    over.set()
    other.join()


def test_a_file_system_without_locks_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with pytest.raises(OSError, match="has no locks") as failed, locks.lease(tmp_path, "name"):
        pass
    line, code = exit_of(failed.value)
    assert (
        code,
        line.startswith(f"slmworks: {tmp_path}/leases/name.lock: its file system has no locks"),
    ) == (2, True)


def test_what_a_kill_left_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, age in (("old", 2 * locks.OLD), ("new", 1)):
        (tmp_path / "parts" / name).write_text("half")
        os.utime(tmp_path / "parts" / name, (time.time() - age,) * 2)
    locks.sweep(tmp_path)
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["new"]


def test_more_threads_than_cores_are_all_cores(tmp_path: Path, all_cores: int) -> None:
    with locks.cores(tmp_path, all_cores + 5, alone=False):
        pass
