"""What `slmworks pull` and `serve` take for a release: plain files, in a folder that one process fills at a time."""

import errno
import os
import subprocess
import sys

import pytest

from disks import nfs  # noqa: F401 - a fixture
from slmworks.machine.locks import locked
from slmworks.registry import pulled
from slmworks.registry.log import Registry


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_to_and_from_nfs(store, to, said, nfs):
    words = [sys.executable, "-m", "slmworks", "pull", "reviews", "--to", to, "--store", store.root]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr, nfs()) == (0, "", {"exclusive"})
    assert sorted(path.name for path in to.iterdir()) == [pulled.APPROVAL, pulled.RELEASE]
    code, line = said("serve", "reviews", "--from", to, "--ask", "good")
    assert (code, "→ positive" in line) == (0, True)


def test_two_do_not_fill_a_folder_at_once(pull, to):
    with locked(to / pulled.LOCK):
        code, line = pull()
    assert (code, f"{to}: another `slmworks pull` is filling it" in line) == (2, True)
    assert files(to) == [pulled.LOCK]
    assert pull()[0] == 0  # a killed one leaves the file, but nobody holds it
    assert pulled.LOCK not in files(to)


def test_what_is_there_already_is_found_in_a_folder_to_read_from(pull, to, monkeypatch):
    assert pull()[0] == 0
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == to and mode == os.W_OK))
    monkeypatch.setattr(pulled, "locked", lambda *_, **__: pytest.fail("a file was made"))
    code, line = pull()
    assert (code, f"is in {to} already" in line) == (0, True)


def test_a_folder_without_locks_is_one_line(pull, to, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", flock)
    code, line = pull()
    assert (code, "its file system has no locks (No locks available)" in line) == (2, True), line
    assert not to.exists()


def _link_to_a_folder(release):
    (release.parents[1] / "elsewhere").mkdir()
    (release / "numpy").symlink_to(release.parents[1] / "elsewhere")


def _link_to_the_same(release):
    (release / "model/model.onnx").rename(release.parents[1] / "the-same")
    (release / "model/model.onnx").symlink_to(release.parents[1] / "the-same")


def _link_to_the_whole(release):
    release.rename(release.parents[1] / "the-same")
    release.symlink_to(release.parents[1] / "the-same")


STRANGE = {
    "link-to-a-folder": (_link_to_a_folder, "/numpy: is a link"),
    "link-to-the-same": (_link_to_the_same, "/model/model.onnx: is a link"),
    "link-to-the-whole": (_link_to_the_whole, ": is a link"),
    "pipe": (lambda release: os.mkfifo(release / "pipe"), "/pipe: is a pipe"),
    "empty-folder": (lambda release: (release / "model/more").mkdir(), "/model/more: is an empty folder"),
}


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_what_is_no_plain_file_is_not_served(pull, said, to, name, monkeypatch):
    monkeypatch.setattr("slmworks_serve.run.listen", lambda *_: pytest.fail("a port was opened"))
    change, told = STRANGE[name]
    assert pull()[0] == 0
    change(to / "release")
    code, line = said("serve", "reviews", "--from", to)
    assert (code, f"reviews v1: {to}/release{told}" in line) == (2, True), line
    assert pull()[0] == 2


@pytest.mark.parametrize("name", sorted(STRANGE))
def test_what_is_no_plain_file_in_the_store_is_neither_served_nor_pulled(store, pull, said, to, name):
    change, told = STRANGE[name]
    release = store.folder(Registry(store).state("reviews").champion.registered.release)
    change(release)
    code, line = said("serve", "reviews", "--store", store.root)
    assert (code, f"reviews v1: {release}{told}" in line) == (2, True), line
    code, line = pull()
    assert (code, f"reviews v1: {release}{told}" in line, to.exists()) == (2, True, False), line


def test_a_pulled_folder_that_lost_its_release_is_one_line(pull, said, to):
    assert pull()[0] == 0
    (to / "release").rename(to / "aside")
    code, line = said("serve", "reviews", "--from", to)
    assert (code, f"{to}: release/model/ is not what was approved as reviews v1" in line) == (2, True), line


BYTECODE = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("runtime", sys.argv[1])
spec.loader.exec_module(importlib.util.module_from_spec(spec))
"""


@pytest.mark.parametrize("place", ["from", "store"])
def test_what_python_compiled_beside_a_release_is_refused_with_the_way_out(store, pull, said, to, place):
    assert pull()[0] == 0
    served = ["--from", to] if place == "from" else ["--store", store.root]
    entry = Registry(store).state("reviews").champion.registered
    release = to / "release" if place == "from" else store.folder(entry.release)

    def load(**environment):
        words = [sys.executable, "-c", BYTECODE, release / "runtime.py"]  # as MLflow loads it
        subprocess.run(words, env={**os.environ, **environment}, check=True)

    load(PYTHONDONTWRITEBYTECODE="")
    (left,) = release.glob("__pycache__/*.pyc")
    code, line = said("serve", "reviews", *served, "--ask", "good")
    assert (code, f"reviews v1: {left} is what Python compiled" in line) == (2, True), line
    assert f"Delete {left.parent}, and set PYTHONDONTWRITEBYTECODE=1" in line
    left.unlink()
    left.parent.rmdir()
    load(PYTHONDONTWRITEBYTECODE="1")
    code, line = said("serve", "reviews", *served, "--ask", "good")
    assert (code, "→ positive" in line) == (0, True), line
