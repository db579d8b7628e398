"""Addresses of stores: what is opened, and what is refused before anybody is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.store import open_store


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAKEY:hush@bucket/x",
        "s3://AKIAKEY:hu/sh@bucket/x",
        "s3://bucket/x?Signature=hush",
        "s3:AKIA:hush@b",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(
        BadRequest, match="credentials and options don't belong in a store's address"
    ) as refused:
        open_store(url)
    assert "hu" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["s3://", "s3:///x", "s3://Bucket/x", "s3:bucket", "s3://b/x", "s3://bucket/../x"]
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadRequest, match="it looks like s3://bucket/prefix"):
        open_store(url)


def test_another_kind_of_store() -> None:
    with pytest.raises(BadRequest, match=r"store 'ftp://…': no such kind of store"):
        open_store("ftp://me:hush@host/x")


def test_one_store_has_one_address_and_one_folder_here(s3: str, tmp_path: Path, monkeypatch) -> None:
    store, same, other = open_store(s3), open_store(s3 + "//"), open_store(s3 + "/b")
    assert store.url == same.url == s3
    assert store.root == same.root != other.root
    assert store.root.is_relative_to(tmp_path / "here")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert open_store(s3).root != store.root  # another server's bucket of that name
    monkeypatch.delenv("SLMWORKS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert open_store(s3).root.parent == tmp_path / "xdg" / "slmworks"
    assert not (tmp_path / "here").exists()  # opening writes nothing


@pytest.mark.parametrize("url", ["gs://bucket/x", "az://container/x"])
def test_the_other_clouds_open(url: str, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLMWORKS_CACHE", str(tmp_path))
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    assert open_store(url).url == url


def test_the_client_is_not_needed_for_a_folder(tmp_path: Path) -> None:
    """And without it a bucket is one line: which package to install."""
    (tmp_path / "obstore.py").write_text("raise ModuleNotFoundError(name='obstore')")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def runs(store: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slmworks", "runs", "--store", store]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert runs(".slmworks").returncode == 0
    asked = runs("s3://bucket/x")
    assert asked.returncode == 2
    assert asked.stderr == "slmworks: s3://bucket/x: stores in a bucket need: pip install 'slmworks[s3]'\n"
