"""Stores in a bucket, seen from one machine and from another."""

from pathlib import Path

import pytest

from s3 import Server, s3, s3_server, secret  # noqa: F401 - fixtures
from slmworks.store.address import open_store
from slmworks.store.objects import ObjectStore


@pytest.fixture
def server(s3_server: Server) -> Server:
    return s3_server


@pytest.fixture
def store(s3: str) -> ObjectStore:
    found = open_store(s3)
    assert isinstance(found, ObjectStore)
    return found


@pytest.fixture
def elsewhere(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The same store, seen from another machine."""
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path / "there"))
    found = open_store(s3)
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path / "here"))
    assert isinstance(found, ObjectStore)
    return found
