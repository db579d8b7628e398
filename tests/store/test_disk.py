"""A store on a disk that is full, may not be written to, or whose clock went back."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract.errors import SlmworksError, TaskFailed
from slmworks.contract.manifest import scan
from slmworks.store import open_store


def folder(tmp_path: Path, size: int = 1000, name: str = "made") -> Path:
    made = tmp_path / name
    made.mkdir()
    (made / "file").write_bytes(b"x" * size)
    return made


@pytest.fixture
def small_disk(tmp_path: Path):
    """A disk of 1 MB; needs root."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here (needs root)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_one_line_and_what_is_there_stays(small_disk: Path, tmp_path: Path) -> None:
    store = open_store(str(small_disk / "store"))
    store.create("tasks/a.json", b"kept")
    (small_disk / "ballast").write_bytes(b"0" * 900_000)
    with pytest.raises(
        TaskFailed, match=r"No space left on device; make room and run it again: what is done is kept"
    ):
        store.create("tasks/b.json", b"x" * 500_000)
    assert store.list("tasks") == ["tasks/a.json"]
    assert not list(small_disk.rglob("*.part"))
    (small_disk / "ballast").unlink()
    assert store.create("tasks/b.json", b"x" * 500_000)


def test_a_copy_that_fills_the_disk_is_no_copy(
    small_disk: Path, tmp_path: Path, store, s3: str, monkeypatch
) -> None:
    digest = store.put(folder(tmp_path, 2_000_000), scan(tmp_path / "made"))
    monkeypatch.setenv("SLMWORKS_CACHE", str(small_disk))
    full = open_store(s3)
    with pytest.raises(TaskFailed, match="make room and run it again"):
        full.folder(digest)
    assert not list(small_disk.rglob("file"))


def test_a_file_that_may_not_grow_is_one_line(tmp_path: Path) -> None:
    code = "import sys; from slmworks.store import open_store; open_store(sys.argv[1]).write('runs/a', b'x' * 10**6)"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")], check=False, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5)),
    )  # fmt: skip
    assert "TaskFailed" in ended.stderr
    assert "File too large; make room" in ended.stderr
    assert not list((tmp_path / "store").rglob("a"))


def test_a_store_that_may_only_be_read(tmp_path: Path) -> None:
    """On a disk mounted read-only, because root may write anywhere else."""
    if os.geteuid():
        pytest.skip("needs root")
    store = open_store(str(tmp_path / "store"))
    digest = store.put(folder(tmp_path), scan(tmp_path / "made"))
    store.create("tasks/a.json", b"kept")
    place = str(tmp_path / "store")
    if subprocess.run(["mount", "--bind", place, place], check=False, capture_output=True).returncode:
        pytest.skip("cannot mount here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        assert store.read("tasks/a.json") == b"kept"
        assert (store.folder(digest) / "file").exists()
        with pytest.raises(SlmworksError, match=r"cannot write there \(Read-only file system\)") as refused:
            store.create("tasks/b.json", b"x")
        assert refused.value.exit_code == 2
        with pytest.raises(SlmworksError, match="cannot write there"):
            store.put(folder(tmp_path, 10, "other"), scan(tmp_path / "other"))
    finally:
        subprocess.run(["umount", "-l", place], check=True)
