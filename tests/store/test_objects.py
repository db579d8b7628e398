"""A store in a bucket: committed once, found on another machine, never trusted unseen."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.errors import BadRequest, CorruptObject, TaskFailed
from slmworks.contract.manifest import File, Manifest, scan, tree_digest
from slmworks.execution.cache import adopt, find
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks.store.objects import ObjectStore


def folder(tmp_path: Path, text: str = "bytes", name: str = "made") -> Path:
    made = tmp_path / name
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file.txt").write_text(text)
    (made / "empty ü#%?.txt").write_text("")
    return made


def manifest(digest: str, files: tuple[File, ...], fingerprint: str = "f" * 64) -> Manifest:
    return Manifest(kind="Files", format="files", digest=digest, files=files, fingerprint=fingerprint)


def overwrite(store: ObjectStore, key: str, data: bytes) -> None:
    """What somebody with a browser does."""
    store.bucket.put(key, data)


def test_the_verbs(store: ObjectStore) -> None:
    assert store.create("tasks/a.json", b"first")
    assert not store.create("tasks/a.json", b"first")
    assert store.read("tasks/a.json") == b"first"
    assert store.read("tasks/b.json") is None
    store.write("runs/r/t.json", b"1")
    store.write("runs/r/t.json", b"2")
    assert store.read("runs/r/t.json") == b"2"
    assert (store.root / "runs/r/t.json").read_bytes() == b"2"  # where the engine and a person look
    store.write("runs/rr/t.json", b"3")
    assert store.list("runs/r/") == store.list("runs/r") == ["runs/r/t.json"]
    assert store.list("nothing") == []


def test_an_object_is_seen_on_another_machine(
    store: ObjectStore, elsewhere: ObjectStore, tmp_path: Path
) -> None:
    made = folder(tmp_path)
    files = scan(made)
    digest = store.put(made, files)
    assert digest == tree_digest(files)
    assert not made.exists()
    assert (store.folder(digest) / "deep/file.txt").read_text() == "bytes"
    assert elsewhere.root != store.root
    assert not elsewhere.damage(digest, files)
    assert scan(elsewhere.folder(digest)) == files
    elsewhere.verify(manifest(digest, files))


def test_what_is_there_is_not_sent_again(store: ObjectStore, server: Any, tmp_path: Path) -> None:
    files = scan(folder(tmp_path, name="one"))
    store.put(tmp_path / "one", files)
    server.fault(method="PUT", match="objects/", status=403, code="AccessDenied")
    assert store.put(folder(tmp_path, name="two"), files) == tree_digest(files)


def test_a_big_file_goes_in_parts(store: ObjectStore, elsewhere: ObjectStore, tmp_path: Path) -> None:
    made = tmp_path / "big"
    made.mkdir()
    (made / "weights").write_bytes(os.urandom(20 * 2**20 + 1))
    files = scan(made)
    assert scan(elsewhere.folder(store.put(made, files))) == files


@pytest.mark.parametrize("wrong", ["bytez", "longer than it was", None])
def test_a_damaged_object_is_found_laid_aside_and_healed(
    store: ObjectStore, elsewhere: ObjectStore, tmp_path: Path, wrong: str | None
) -> None:
    files = scan(folder(tmp_path, name="one"))
    digest = store.put(tmp_path / "one", files)
    key = f"objects/{digest}/deep/file.txt"
    if wrong is None:
        store.bucket.move(key, "lost")
    else:
        overwrite(store, key, wrong.encode())
    with pytest.raises(CorruptObject, match="not the bytes that were committed"):
        elsewhere.folder(digest)
    assert not (elsewhere.root / "objects" / digest).exists()
    assert elsewhere.damage(digest, files)  # so that a run makes it anew
    assert store.list("damaged")
    store.put(folder(tmp_path, name="two"), files)
    assert scan(elsewhere.folder(digest)) == files


def test_a_file_too_many_is_laid_aside(store: ObjectStore, tmp_path: Path) -> None:
    files = scan(folder(tmp_path, name="one"))
    digest = store.put(tmp_path / "one", files)
    overwrite(store, f"objects/{digest}/extra", b"x")
    assert store.damage(digest, files) == "extra"
    store.put(folder(tmp_path, name="two"), files)
    assert not store.damage(digest, files)


def test_an_edited_copy_is_fetched_anew(store: ObjectStore, tmp_path: Path) -> None:
    files = scan(folder(tmp_path))
    digest = store.put(tmp_path / "made", files)
    for sly in (False, True):  # the sly one puts the time back
        edited = store.folder(digest) / "deep/file.txt"
        before = edited.stat()
        edited.chmod(0o644)
        edited.write_text("bytez")
        if sly:
            os.utime(edited, (before.st_atime, before.st_mtime))
        store.verify(manifest(digest, files))
        assert (store.folder(digest) / "deep/file.txt").read_text() == "bytes"
    store.discard(digest)
    assert not store.damage(digest, files)  # what was right in the bucket stays


def _race(url: str, number: int, rounds: int, start: Any, queue: Any) -> None:
    store = open_store(url)
    for key in range(rounds):
        start.wait()
        if store.create(f"tasks/{key}.json", b"the same bytes"):
            queue.put(key)
    queue.put(None)


def _spawn(target: Any, count: int, *words: Any) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    start, queue = context.Barrier(count), context.Queue()
    workers = [
        context.Process(target=target, args=(*words[:1], n, *words[1:], start, queue)) for n in range(count)
    ]
    for worker in workers:
        worker.start()
    said: list[Any] = []
    while said.count(None) < count:
        said.append(queue.get(timeout=120))
    for worker in workers:
        worker.join()
    return [word for word in said if word is not None]


def test_of_many_creators_one_wins(store: ObjectStore) -> None:
    won = _spawn(_race, 4, store.url, 5)
    assert sorted(won) == list(range(5))


def _register(url: str, number: int, start: Any, queue: Any) -> None:
    registry = Registry(open_store(url))
    start.wait()
    digest = f"{number:064x}"
    try:
        registry.register(
            "m",
            model_digest=digest,
            wrapper_digest=digest,
            verdict=digest,
            seal=lambda version: f"{digest}-{version}",
        )
    finally:
        queue.put(None)


def test_eight_racing_writers_leave_a_log_without_gaps(store: ObjectStore) -> None:
    _spawn(_register, 8, store.url)
    state = Registry(store).state("m")
    assert [version.number for version in state.versions] == list(range(1, 9))
    assert len({version.registered.model_digest for version in state.versions}) == 8
    assert store.list("registry/m/") == [f"registry/m/{n:06d}.json" for n in range(1, 9)]


def test_a_lost_answer_is_not_a_lost_race(store: ObjectStore, server: Any) -> None:
    store.write("runs/warm", b"")
    server.fault(method="PUT", match="tasks/", times=1, status=500, code="InternalError", late=True)
    assert store.create("tasks/a.json", b"ours")
    assert not store.create("tasks/a.json", b"ours")


@pytest.mark.parametrize("status", [503, 409])
def test_a_busy_server_is_asked_again(store: ObjectStore, server: Any, status: int) -> None:
    store.write("runs/warm", b"")
    code = {503: "SlowDown", 409: "ConditionalRequestConflict"}[status]
    server.fault(method="PUT", match="tasks/", times=2, status=status, code=code)
    assert store.create("tasks/a.json", b"x")


UPLOAD = """
import sys
from pathlib import Path
from slmworks.contract.manifest import Manifest, scan
from slmworks.execution.cache import adopt
from slmworks.store import open_store
store, made = open_store(sys.argv[1]), Path(sys.argv[2])
files = scan(made)
store.write("runs/ready", b"")
digest = store.put(made, files)
adopt(store, Manifest(kind="Files", format="files", digest=digest, files=files, fingerprint="f" * 64))
"""


def test_a_killed_upload_leaves_nothing_that_is_trusted(
    store: ObjectStore, elsewhere: ObjectStore, server: Any, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for number in range(6):
        (made / f"{number}.bin").write_bytes(os.urandom(10 * 2**20 if number == 5 else 1000))
    files = scan(made)
    digest = tree_digest(files)
    server.fault(method="PUT", match="objects/", delay=0.4)
    uploader = subprocess.Popen([sys.executable, "-c", UPLOAD, store.url, str(made)])
    deadline = time.monotonic() + 60
    while not store.list(f"objects/{digest}") and time.monotonic() < deadline:
        time.sleep(0.05)
    uploader.send_signal(signal.SIGKILL)
    assert uploader.wait() == -9
    server.fault()
    assert 0 < len(store.list(f"objects/{digest}")) < 6
    assert find(elsewhere, "f" * 64) is None
    assert elsewhere.damage(digest, files)
    with pytest.raises(CorruptObject, match="not the bytes that were committed"):
        elsewhere.folder(digest)
    adopt(store, manifest(store.put(made, files), files))
    found = find(elsewhere, "f" * 64)
    assert found is not None
    elsewhere.verify(found)


def test_a_server_that_dies_for_good_is_told_once(store: ObjectStore, server: Any, monkeypatch) -> None:
    monkeypatch.setattr("slmworks.store.bucket.TRIES", 1)
    hasty = open_store(store.url)
    hasty.write("runs/warm", b"")
    server.fault(status=503, code="SlowDown")
    with pytest.raises(TaskFailed, match=r"failed again and again \(SlowDown\); .*what is done is kept"):
        hasty.write("runs/a", b"")


def test_a_server_that_overwrites_is_refused(store: ObjectStore, server: Any) -> None:
    server.fault(strip="HTTP_IF_NONE_MATCH")
    with pytest.raises(BadRequest, match="cannot create a key only if it is absent"):
        store.create("tasks/a.json", b"x")
    server.fault()
    assert store.list("tasks") == []
