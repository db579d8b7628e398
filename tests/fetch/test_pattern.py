"""Globs mean the same in folders, archives and hubs, and stay fast."""

import random
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.fetch import local
from slmworks.fetch.archive import select
from slmworks.fetch.pattern import Pattern


def plainly(parts: list[str], wanted: list[str]) -> bool:
    """The definition, which tries everything."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(plainly(parts[i:], wanted[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and plainly(parts[1:], wanted[1:])


def test_patterns_mean_what_they_say() -> None:
    draw = random.Random(7)
    met = 0
    for _ in range(20_000):
        wanted = [draw.choice(["**", "*", "a", "b", "?b", "[ab]"]) for _ in range(draw.randint(1, 5))]
        parts = [draw.choice(["a", "b", "ab"]) for _ in range(draw.randint(1, 6))]
        expected = plainly(parts, wanted)
        assert Pattern("/".join(wanted)).matches("/".join(parts)) is expected, (wanted, parts)
        met += expected
    assert 2000 < met < 18_000


DEEP = "/".join("abcdefghijklmnopqrstuvwxy")


def test_many_stars_over_many_folders_are_tried_once_each() -> None:
    asked = []

    class Counting(Pattern):
        def after(self, places, part, *, into_link=False):  # type: ignore[no-untyped-def]
            asked.append(part)
            return super().after(places, part, into_link=into_link)

    assert not Counting("/".join(["**", "*"] * 7) + "/none.csv").matches(f"{DEEP}/x.csv")
    assert len(asked) == 26


@pytest.mark.parametrize("pattern", ["**/" * 7 + "none.csv", "**/*/" * 7 + "none.csv"], ids=["bare", "mixed"])
def test_many_stars_end(tmp_path: Path, pattern: str) -> None:
    (tmp_path / DEEP).mkdir(parents=True)
    (tmp_path / DEEP / "x.csv").write_text("")
    found = pattern.replace("none", "x")
    assert local.listing(f"{tmp_path}/{pattern}") == {}
    assert list(local.listing(f"{tmp_path}/{found}")) == [f"{DEEP}/x.csv"]
    assert select([f"{DEEP}/x.csv"], pattern) == {}
    assert select([f"{DEEP}/x.csv"], found) == {f"{DEEP}/x.csv": f"{DEEP}/x.csv"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.csv", "d/b.csv", "d/e/c.csv", "d/e/c.txt", ".hid/x.csv", "d/.y.csv"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "l.csv").write_text("")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "linked")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["a.csv"]),
        ("*/*.csv", ["d/b.csv", "link/l.csv"]),
        ("**/*.csv", ["a.csv", "d/b.csv", "d/e/c.csv"]),
        ("d/**/*.csv", ["b.csv", "e/c.csv"]),
        ("**", ["a.csv", "d/b.csv", "d/e/c.csv", "d/e/c.txt"]),
        ("*/.y*", ["d/.y.csv"]),
        ("[ad].csv", ["a.csv"]),
        ("*.parquet", []),
    ],
    ids=["here", "one-down", "all-down", "below", "all", "hidden", "class", "none"],
)
def test_files_of_this_machine(folder: Path, pattern: str, names: list[str]) -> None:
    """`**` enters no linked folder, a plain wildcard does: as Python's own glob."""
    assert list(local.listing(f"{folder}/{pattern}")) == names


def test_stars_beside_other_characters(folder: Path) -> None:
    with pytest.raises(BadRequest, match=r"\*\* stands alone between slashes"):
        local.listing(f"{folder}/**.csv")
