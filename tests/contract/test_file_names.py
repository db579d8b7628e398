"""Names and numbers of files that an artifact may have."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from slmworks.contract import file_names
from slmworks.contract.errors import BadRequest
from slmworks.contract.file_names import MOST_FILES, colliding, written_out, wrong_with
from slmworks.contract.manifest import File, Manifest, scan, tree_digest

NOTHING = hashlib.sha256(b"").hexdigest()
ODD = {
    "empty": "",
    "absolute": "/a",
    "up": "a/../b",
    "dot": "./a",
    "double": "a//b",
    "backslash": "a\\b",
    "newline": "a\nb",
    "escape": "\x1b[2J",
    "delete": "a\x7f",
    "next-line": "a\x85b",
    "separator": "a\u2028b",
    "override": "\u202egnp.exe",
    "isolate": "a\u2066b",
    "bytes": "caf\udce9",
    "part": "ü" * 128,
    "path": "/".join(["a" * 200] * 5),
}


@pytest.mark.parametrize("name", ODD)
def test_a_manifest_has_no_odd_name(name: str) -> None:
    assert wrong_with(ODD[name])
    with pytest.raises(ValidationError):
        File(path=ODD[name], size=0, sha256=NOTHING)
    assert written_out(ODD[name]).isprintable()


@pytest.mark.parametrize(
    "name", ["a", "d/e.txt", "ü ß/日本.txt", "\u05d0\u200f.txt", "🚲", "a" * 255, ".x", "a:b*?"]
)
def test_other_names_are_fine(name: str) -> None:
    assert not wrong_with(name)


@pytest.mark.parametrize(
    ("paths", "both"),
    [
        (["a", "b"], None),
        (["d/a", "d/b", "e/a"], None),
        (["a", "A"], ("a", "A")),
        (["d/a", "D/b"], ("d", "D")),
        (["a", "a/b"], ("a", "a")),
        (["A/b", "a"], ("a", "A")),
        (["caf\u00e9", "cafe\u0301"], ("caf\u00e9", "cafe\u0301")),
    ],
    ids=["two", "folders", "case", "folders-case", "file-folder", "both", "accents"],
)
def test_which_are_one_on_some_disks(paths: list[str], both: tuple[str, str] | None) -> None:
    assert colliding(paths) == both


def test_what_a_step_leaves_is_looked_at_before_it_is_committed(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a\nb").write_text("")
    with pytest.raises(BadRequest, match=r"its file 'd/a\\x0ab' holds a control character; rename it"):
        scan(tmp_path)
    (tmp_path / "d" / "a\nb").rename(tmp_path / "d" / "c")
    assert [file.path for file in scan(tmp_path)] == ["d/c"]
    monkeypatch.setattr(file_names, "MOST_FILES", 1)
    assert len(scan(tmp_path)) == 1
    (tmp_path / "e").write_text("")
    with pytest.raises(BadRequest, match="more than 1 files, which its manifest would list; pack the rows"):
        scan(tmp_path)


@pytest.fixture
def listing() -> Callable[[int], str]:
    """A manifest of so many files, as JSON."""
    file = f'{{"path": "%d", "size": 0, "sha256": "{NOTHING}"}}'

    def listing(count: int) -> str:
        paths = [str(number) for number in range(count)]
        digest = tree_digest(File(path=path, size=0, sha256=NOTHING) for path in paths[:3])
        files = ",".join(file % number for number in range(count))
        return f'{{"kind": "Files", "format": "files", "digest": "{digest}", "files": [{files}]}}'

    return listing


def test_a_manifest_has_an_end(listing: Callable[[int], str]) -> None:
    assert len(Manifest.read(listing(3), where="x").files) == 3
    with pytest.raises(BadRequest, match=f"x: not a manifest: files: .* at most {MOST_FILES} items"):
        Manifest.read(listing(MOST_FILES + 1), where="x")
