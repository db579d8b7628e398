"""Folders for checkpoints: they outlive an attempt that failed, and nothing else."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from s3 import s3, s3_server  # noqa: F401 - fixtures
from slmworks.contract.errors import TaskFailed
from slmworks.execution.resumption import checkpoint_folder
from slmworks.machine.locks import lease
from slmworks.retention.collect import collect
from slmworks.retention.here import CHECKPOINTS
from slmworks.retention.roots import Rule
from slmworks.store import open_store
from slmworks.store.local import LocalStore

IDENTITY = "1" * 64


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def attempt(store: LocalStore, *, fails: bool, fresh: bool = False) -> list[str]:
    """What an attempt finds; it adds a file."""
    with checkpoint_folder(store, IDENTITY, fresh=fresh) as folder:
        assert folder is not None
        found = sorted(path.name for path in folder.glob("*"))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(found)}.pt").write_bytes(b"state")
        if fails:
            raise TaskFailed("the disk is full")
    return found


def test_an_attempt_finds_what_the_one_before_left_until_one_is_done(store: LocalStore) -> None:
    for _ in range(2):
        with pytest.raises(TaskFailed):
            attempt(store, fails=True)
    assert attempt(store, fails=False) == ["0.pt", "1.pt"]
    assert attempt(store, fails=False) == []
    assert not list(store.cache.glob("checkpoints/*"))


def test_a_fresh_run_begins_anew(store: LocalStore) -> None:
    with pytest.raises(TaskFailed):
        attempt(store, fails=True)
    assert attempt(store, fails=False, fresh=True) == []


def test_a_bucket_has_none(s3: str) -> None:
    with checkpoint_folder(open_store(s3), IDENTITY, fresh=False) as folder:
        assert folder is None


def test_gc_removes_what_nobody_came_back_to(store: LocalStore) -> None:
    for identity, days in (("old", 9), ("held", 9), ("new", 1)):
        folder = store.cache / "checkpoints" / identity
        folder.mkdir(parents=True)
        (folder / "1.pt").write_bytes(b"12345")
        for path in (folder / "1.pt", folder):
            os.utime(path, (time.time() - days * 86400,) * 2)

    def gc(*, dry_run: bool) -> int:
        found = collect(store, Rule(90, 20), grace=timedelta(days=7), copies=0, dry_run=dry_run)
        return found.removed[CHECKPOINTS].size

    with lease(store.cache, "held"):
        assert gc(dry_run=True) == 10
        assert len(list(store.cache.glob("checkpoints/*"))) == 3
        gc(dry_run=False)
    assert {path.name for path in store.cache.glob("checkpoints/*")} == {"held", "new"}
