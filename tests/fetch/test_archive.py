"""Archives that nobody trusts: each is unpacked right, or refused in one line."""

import bz2
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from archives import tar_of, written, zip_of
from slmworks.contract import swelling
from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest

Fetched = Callable[..., Files]


@pytest.mark.parametrize("name", ["../evil.txt", "/abs/evil.txt", "a/../../evil.txt"])
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_path_traversal_is_refused(fetch: Fetched, tmp_path: Path, kind: str, name: str) -> None:
    members = {"ok.txt": b"", name: b"evil"}
    (tmp_path / "bad").write_bytes(tar_of(members) if kind == "tar" else zip_of(members))
    with pytest.raises(BadRequest, match="outside its folder"):
        fetch(x=f"{kind}://*::bad")
    assert not list(tmp_path.rglob("evil.txt"))


def test_links_are_refused(fetch: Fetched, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        info = tarfile.TarInfo("passwd")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(BadRequest, match="is a link"):
        fetch(x="tar://passwd::bad.tar")


def test_unreadable_archive_and_missing_member(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no tar at all")
    with pytest.raises(BadRequest, match=r"bad\.tar: not a readable tar archive"):
        fetch(x="tar://a::bad.tar")
    (tmp_path / "x.zip").write_bytes(zip_of({"train.csv": b""}))
    with pytest.raises(BadRequest, match=r"no file 'trian\.csv' in it\. Did you mean 'train\.csv'"):
        fetch(x="zip://trian.csv::x.zip")


def refused(fetch: Fetched, text: str, said: str, **options: float) -> None:
    """One line, which says it, and nothing but the archive on the disk."""
    with pytest.raises(BadRequest) as caught:
        fetch(options, x=text)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def with_member(path: Path, **fields: object) -> None:
    """A tar with one member of one byte, and these fields in its header."""
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("a")
        info.size = 1
        for name, value in fields.items():
            setattr(info, name, value)
        tar.addfile(info, io.BytesIO(b"a"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_every_compression_of_a_tar(fetch: Fetched, tmp_path: Path, mode: str) -> None:
    (tmp_path / "x.tar").write_bytes(tar_of({"./d/a.txt": b"A" * 3_000_000, "d/b.txt": b"B"}, mode))
    files = fetch(x="tar://d::x.tar")
    assert written(files) == ["x/a.txt", "x/b.txt"]
    assert (files.folder("x") / "a.txt").read_bytes() == b"A" * 3_000_000


def test_a_sparse_member_is_refused(fetch: Fetched, tmp_path: Path) -> None:
    headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "4000000000", "GNU.sparse.name": "a"}
    with_member(tmp_path / "x.tar", pax_headers=headers)
    refused(fetch, "tar://a::x.tar", "its member 'a' is a sparse file; refused")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte may come out of anything, so that tests need no gigabytes."""
    monkeypatch.setattr(swelling, "FREE", 10**6)


@pytest.mark.parametrize("kind", ["tar", "zip"])
@pytest.mark.parametrize("wanted", ["big", "little"])
def test_what_swells_beyond_reason_is_refused(
    fetch: Fetched, tmp_path: Path, small: None, kind: str, wanted: str
) -> None:
    members = {"big": bytes(5_000_000), "little": b"x"}
    packed = tar_of(members) if kind == "tar" else zip_of(members, zipfile.ZIP_DEFLATED)
    (tmp_path / "x").write_bytes(packed)
    if (kind, wanted) == ("zip", "little"):  # a zip's members are read alone
        assert written(fetch(x="zip://little::x")) == ["x/little"]
        return
    refused(fetch, f"{kind}://{wanted}::x", "x: unpacks to more than 200 times its own size")
    assert not [path for path in tmp_path.rglob("big") if path.stat().st_size > 2_000_000]
    assert written(fetch({"max_ratio": 2000}, x=f"{kind}://{wanted}::x")) == [f"x/{wanted}"]


def test_archives_in_archives_share_one_allowance(fetch: Fetched, tmp_path: Path, small: None) -> None:
    inner = tar_of({"big": bytes(5_000_000)})
    for number in range(2):
        inner = tar_of({f"{number}.tar": inner})
    (tmp_path / "x.tar").write_bytes(inner)
    refused(fetch, "tar://big::tar://0.tar::tar://1.tar::x.tar", "unpacks to more than 200 times")


def test_limits_are_options(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zip_of({"a": bytes(3000), "b": b""}))
    refused(
        fetch, "zip://a::x.zip", "unpacks to more than 1e-06 GB. If that is meant, set max_gb", max_gb=1e-6
    )
    refused(fetch, "zip://a::x.zip", "holds more than 1 files. If that is meant, set max_files", max_files=1)
    assert written(fetch({"max_files": 2}, x="zip://a::x.zip")) == ["x/a"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([".", "ok"], "its member '.' has the name of a folder"),
        (["d/a", "d/a/b"], "'a' is a file, and a folder"),
        (["d/a/b", "d/a"], "'a' is a file, and a folder"),
        (["d/Read", "d/read"], "'Read' and 'read' are one file on some disks"),
        (["d/A/x", "d/a/y"], "'A' and 'a' are one file on some disks"),
        (["d/caf\u00e9", "d/cafe\u0301"], "are one file on some disks"),
        (["d/" + "n" * 300], "is longer than 255 bytes"),
        (["d/" + "n" * 120 + "/" + "m" * 240 + ("/" + "o" * 250) * 3], "a whole path: 900"),
        (["d/a\nb"], r"the name of its file 'a\x0ab' holds a control character"),
        (["d/\x1b[2J"], r"the name of its file '\x1b[2J' holds a control character"),
        (["d/\u202egnp.exe"], r"the name of its file '\u202egnp.exe' holds a control character"),
    ],
    ids=["dot", "file-then-folder", "folder-then-file", "case", "folders-case", "accent", "name", "path", "newline",
         "escape", "direction"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_names_that_not_every_disk_can_hold(
    fetch: Fetched, tmp_path: Path, kind: str, names: list[str], said: str
) -> None:
    members = dict.fromkeys(names, b"x")
    (tmp_path / "x").write_bytes(tar_of(members) if kind == "tar" else zip_of(members))
    refused(fetch, f"{kind}://{'ok' if '.' in names else 'd'}::x", said)


def test_a_name_that_is_not_utf_8(fetch: Fetched, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("d/caf\udce9"))
    refused(fetch, "tar://d::x.tar", r"the name of its file 'caf\udce9' is not UTF-8")


def test_a_name_that_is_proposed_is_written_out(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zip_of({"train\x1b.csv": b""}))
    refused(fetch, "zip://train.csv::x.zip", r"Did you mean 'train\x1b.csv'")


def test_twins_that_are_not_wanted_do_no_harm(fetch: Fetched, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zip_of({"d/A": b"", "d/a": b"", "e/b": b"B"}))
    assert written(fetch(x="zip://e::x.zip")) == ["x/b"]


def zip_with(method: int, flags: int = 0) -> bytes:
    """A zip whose member says that it is compressed by another method."""
    data = bytearray(zip_of({"a": b"0123456789"}))
    central = data.index(b"PK\x01\x02")
    struct.pack_into("<HH", data, 6, flags, method)
    struct.pack_into("<HH", data, central + 8, flags, method)
    return bytes(data)


TAR = tar_of({"a": b"0123456789" * 1000}, "w")
BROKEN = {
    "tar": {
        "xz": lzma.compress(TAR)[:40] + bytes(40),
        "lzma": lzma.compress(TAR, lzma.FORMAT_ALONE)[:-30],
        "bz2": bz2.compress(TAR)[:40] + bytes(40),
        "gz": tar_of({"a": bytes(range(256)) * 100})[:-200],
        "cut": TAR[:3000],
        "empty": b"",
        "negative": TAR[:124] + b"\xff" * 12 + TAR[136:],
    },
    "zip": {"method": zip_with(99), "lzma": zip_with(14), "bz2": zip_with(12), "patched": zip_with(0, 0x20)},
}


@pytest.mark.parametrize(("kind", "fault"), [(kind, fault) for kind in BROKEN for fault in BROKEN[kind]])
def test_damaged_archives_are_one_line(fetch: Fetched, tmp_path: Path, kind: str, fault: str) -> None:
    (tmp_path / "x").write_bytes(BROKEN[kind][fault])
    refused(fetch, f"{kind}://a::x", f"x: not a readable {kind} archive (")


PAX = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
"""A header that holds for the member after it, which may be a header again."""


def test_headers_without_end_are_refused(fetch: Fetched, tmp_path: Path) -> None:
    with_member(tmp_path / "long.tar", pax_headers={"comment": "c" * 10_000_000})
    refused(fetch, "tar://a::long.tar", "not a readable tar archive (a header of")
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a"}
    with tarfile.open(tmp_path / "map.tar", "w") as tar:
        info = tarfile.TarInfo("a")
        info.size, info.pax_headers = 6, headers
        tar.addfile(info, io.BytesIO(b"99999\n"))
    refused(fetch, "tar://a::map.tar", "not a readable tar archive (")
    (tmp_path / "nested.tar").write_bytes(PAX * 3000)
    refused(fetch, "tar://a::nested.tar", "not a readable tar archive (")


def test_members_of_one_name_are_the_last_one(fetch: Fetched, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        for text in (b"old", b"new"):
            info = tarfile.TarInfo("d/a")
            info.size = 3
            tar.addfile(info, io.BytesIO(text))
    assert (fetch(x="tar://d::x.tar").folder("x") / "a").read_bytes() == b"new"
