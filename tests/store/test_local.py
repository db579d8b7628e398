"""The store: committed once, found again, never torn, never silently changed."""

import errno
import multiprocessing
import os
from pathlib import Path

import pytest

from disks import Asked, no_links  # noqa: F401 - a fixture
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import Manifest, scan, tree_digest
from slmworks.store import Store, local, open_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def folder(tmp_path: Path, text: str = "bytes", name: str = "made") -> Path:
    made = tmp_path / name
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file.txt").write_text(text)
    return made


def manifest(digest: str, files) -> Manifest:
    return Manifest(kind="Files", format="files", digest=digest, files=files)


def test_a_key_is_created_once(store: Store) -> None:
    assert store.create("tasks/a.json", b"first")
    assert not store.create("tasks/a.json", b"second")
    assert store.read("tasks/a.json") == b"first"
    assert store.read("tasks/b.json") is None
    assert store.list("tasks") == ["tasks/a.json"]


def test_an_answer_of_nfs_that_got_lost_is_recognised(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def asked_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", asked_twice)
    assert store.create("tasks/a.json", b"first")
    assert not store.create("tasks/a.json", b"second")
    assert store.read("tasks/a.json") == b"first"


def _race(root: str, number: int, queue) -> None:
    queue.put(open_store(root).create("registry/x/000001.json", str(number).encode()))


def test_of_many_writers_one_wins(store: Store, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    writers = [context.Process(target=_race, args=(store.url, n, queue)) for n in range(4)]
    for writer in writers:
        writer.start()
    won = [queue.get(timeout=60) for _ in writers]
    for writer in writers:
        writer.join()
    assert sorted(won) == [False, False, False, True]
    assert store.list("registry") == ["registry/x/000001.json"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK])
def test_without_hard_links_a_key_is_created_once_too(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_links: Asked, number: int
) -> None:
    monkeypatch.setenv("DISK_LINK_ERROR", str(number))
    test_a_key_is_created_once(store)
    assert no_links() == {"link"}
    assert list((store.cache / "parts").iterdir()) == []


def test_without_hard_links_one_of_many_writers_wins(store: Store, tmp_path: Path, no_links: Asked) -> None:
    test_of_many_writers_one_wins(store, tmp_path)
    assert no_links() == {"link"}


def test_a_disk_that_can_neither_is_one_line(
    store: Store, monkeypatch: pytest.MonkeyPatch, no_links: Asked
) -> None:
    def rename(_source: Path, target: Path) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(target))

    monkeypatch.setattr(local, "rename_new", rename)
    with pytest.raises(BadRequest, match="can neither link files nor rename without replacing") as told:
        store.create("tasks/a.json", b"x")
    assert "\n" not in str(told.value)
    assert (store.read("tasks/a.json"), list((store.cache / "parts").iterdir())) == (None, [])


def test_a_folder_is_moved_in_under_its_digest(store: Store, tmp_path: Path) -> None:
    made = folder(tmp_path)
    expected = tree_digest(scan(made))
    files = scan(made)
    digest = store.put(made, files)
    assert digest == expected
    assert not made.exists()
    assert (store.folder(digest) / "deep/file.txt").read_text() == "bytes"
    store.verify(manifest(digest, files))


def test_an_edit_is_found_and_healed(store: Store, tmp_path: Path) -> None:
    made = folder(tmp_path)
    files = scan(made)
    digest = store.put(made, files)
    edited = store.folder(digest) / "deep/file.txt"
    edited.chmod(0o644)
    edited.write_text("bytez")
    assert store.damage(digest, files) == "deep/file.txt"
    with pytest.raises(CorruptObject, match="deep/file.txt: not the bytes that were committed"):
        store.verify(manifest(digest, files))
    again = folder(tmp_path, name="again")
    assert store.put(again, scan(again)) == digest
    assert edited.read_text() == "bytes"


def test_of_two_who_make_the_same_bytes_the_second_leaves_the_firsts_alone(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, same = folder(tmp_path), folder(tmp_path, name="same")
    files = scan(made)
    durable = local._make_durable

    def overtaken(path: Path) -> None:
        monkeypatch.setattr(local, "_make_durable", durable)
        store.put(same, files)
        durable(path)

    monkeypatch.setattr(local, "_make_durable", overtaken)
    store.verify(manifest(store.put(made, files), files))
    assert not (store.cache / "damaged").exists()


def test_a_file_added_or_lost_is_damage(store: Store, tmp_path: Path) -> None:
    made = folder(tmp_path)
    files = scan(made)
    digest = store.put(made, files)
    (store.folder(digest) / "extra").write_text("x")
    assert store.damage(digest, files) == "extra"
    (store.folder(digest) / "extra").unlink()
    (store.folder(digest) / "deep/file.txt").unlink()
    assert store.damage(digest, files) == "deep/file.txt"


def _instead_of_the_file(path: Path) -> None:
    path.rename(path.parents[3] / "aside")
    path.symlink_to(path.parents[3] / "aside")


def _instead_of_the_folder(path: Path) -> None:
    path.parent.rename(path.parents[3] / "aside")
    path.parent.symlink_to(path.parents[3] / "aside")


def _instead_of_the_object(path: Path) -> None:
    path.parents[1].rename(path.parents[3] / "aside")
    path.parents[1].symlink_to(path.parents[3] / "aside")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_instead_of_the_file, "deep/file.txt"),
        (_instead_of_the_folder, "deep"),
        (_instead_of_the_object, ""),
        (lambda path: (path.parent / "odd").symlink_to("/"), "deep/odd"),
        (lambda path: os.mkfifo(path.parent / "odd"), "deep/odd"),
        (lambda path: (path.parent / "odd" / "inside").mkdir(parents=True), "deep/odd/inside"),
    ],
    ids=["file", "folder", "object", "link", "pipe", "empty"],
)
def test_what_is_no_plain_file_is_damage_although_the_bytes_are_right(
    store: Store, tmp_path: Path, change, named: str
) -> None:
    made = folder(tmp_path)
    files = scan(made)
    digest = store.put(made, files)
    change(store.folder(digest) / "deep" / "file.txt")
    assert store.damage(digest, files) == (named or "deep/file.txt")
    with pytest.raises(CorruptObject, match=f"/{named}.*: not the bytes that were committed"):
        store.verify(manifest(digest, files))
    again = folder(tmp_path, name="again")
    assert store.put(again, scan(again)) == digest
    store.verify(manifest(digest, files))
    assert not store.folder(digest).is_symlink()


def test_a_store_that_was_moved_still_holds(store: Store, tmp_path: Path) -> None:
    made = folder(tmp_path)
    files = scan(made)
    digest = store.put(made, files)
    store.root.rename(tmp_path / "elsewhere")
    moved = open_store((tmp_path / "elsewhere").as_uri())
    moved.verify(manifest(digest, files))
    assert not moved.damage(digest, files)


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadRequest, match="is a file, so it cannot be a store"):
        open_store(str(tmp_path / "file"))
    with pytest.raises(BadRequest, match="cannot write there"):
        open_store("/proc/nowhere").create("tasks/a.json", b"x")


def test_a_manifest_that_is_none() -> None:
    with pytest.raises(BadRequest, match="tasks/x.json: not a manifest: digest"):
        Manifest.read('{"kind": "Files", "format": "files", "files": []}', where="tasks/x.json")
    with pytest.raises(BadRequest, match="not a manifest"):
        Manifest.read("{", where="tasks/x.json")


def test_git_ignores_the_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    assert not store.root.exists()  # a look leaves nothing
    store.create("runs/a.json", b"{}")
    assert (store.root / ".gitignore").read_text(encoding="utf-8") == "*\n"
    (store.root / ".gitignore").write_text("mine\n", encoding="utf-8")
    store.create("runs/b.json", b"{}")
    assert (store.root / ".gitignore").read_text(encoding="utf-8") == "mine\n"
