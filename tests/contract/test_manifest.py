"""What lies in a folder: plain files count, anything else is named, and nothing is followed."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from slmworks.contract.artifact import HEADER, Files
from slmworks.contract.errors import CorruptObject
from slmworks.contract.manifest import is_tree, leaves, scan, tree_digest


def _link_to_a_folder(place: Path) -> None:
    (place.parent / "elsewhere").mkdir(exist_ok=True)
    (place.parent / "elsewhere" / "code.py").write_text("print('hello')\n")
    place.symlink_to(place.parent / "elsewhere")


def _link_to_a_file(place: Path) -> None:
    (place.parent.parent / "same").write_text("bytes")
    place.symlink_to(place.parent.parent / "same")


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(place))


STRANGERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "link-to-a-folder": ("a link", _link_to_a_folder),
    "link-to-a-file": ("a link", _link_to_a_file),
    "link-to-nothing": ("a link", lambda place: place.symlink_to("nowhere")),
    "pipe": ("a pipe", os.mkfifo),
    "socket": ("a socket", _socket),
    "empty-folder": ("an empty folder", Path.mkdir),
    "folders-of-nothing": ("an empty folder", lambda place: (place / "in" / "side").mkdir(parents=True)),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "made" / "deep").mkdir(parents=True)
    (tmp_path / "made" / "deep" / "file.txt").write_text("bytes")
    return tmp_path / "made"


@pytest.mark.parametrize("name", sorted(STRANGERS))
def test_what_is_no_plain_file_is_named_and_never_read(folder: Path, name: str) -> None:
    digest = tree_digest(scan(folder))
    assert is_tree(folder, digest)
    what, make = STRANGERS[name]
    make(folder / "deep" / "odd")
    with pytest.raises(CorruptObject, match=f"/deep/odd(/in/side)?: is {what}, and only plain files") as told:
        scan(folder)
    assert "\n" not in str(told.value)
    assert not is_tree(folder, digest)


def test_a_folder_that_is_a_link_is_no_folder(folder: Path) -> None:
    link = folder.with_name("link")
    link.symlink_to(folder)
    assert [path for path, _ in leaves(link)] == [""]
    assert not is_tree(link, tree_digest(scan(folder)))


def test_sealing_drops_folders_that_hold_nothing(folder: Path) -> None:
    (folder / "deep" / "none" / "at" / "all").mkdir(parents=True)
    assert [file.path for file in Files(path=folder).seal()] == ["deep/file.txt", HEADER]
    assert sorted(path.name for path in (folder / "deep").iterdir()) == ["file.txt"]
