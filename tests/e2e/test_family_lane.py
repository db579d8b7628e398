"""Tables of families: one lane doesn't write over another's, and what is broken is said to be."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner
from family_lane import Cell, Cells, Lane, attempt, replaced
from generator_table import LANE, STEPS, tried

from slmworks.contract.errors import BadRequest

PAGE = """# Families

<!-- begin: One -->
old
<!-- end: One -->
between
<!-- begin: Two -->
kept
<!-- end: Two -->
"""
LINE = "layers: this network has none; take another."


def failing(error: Exception) -> Cell:
    def run() -> float:
        raise error

    return attempt(run)


def test_a_lane_leaves_the_rest_of_the_page_alone() -> None:
    assert replaced(PAGE, "One", "new\n") == PAGE.replace("old\n", "new\n")
    assert replaced(replaced(PAGE, "Two", ""), "Two", "kept\n") == PAGE
    with pytest.raises(SystemExit, match="the page has no place for 'Three'"):
        replaced(PAGE, "Three", "new")


def test_a_refusal_is_said_once_and_what_is_no_line_is_broken() -> None:
    tables = {"Trained": ("one",), "Packed": ("two", "three")}
    lane = Lane("H", ("About.",), {"a": "A", "b": "B"}, tables, tried, list, (), ("torch",))
    refused, broken = failing(BadRequest(LINE)), failing(BadRequest("two\nlines"))
    rows = {
        "a": {"one": attempt(lambda: 0.0123), "two": refused, "three": failing(KeyError("x"))},
        "b": {"one": Cell("right", 1e-7, "(5%)"), "two": refused},
    }
    text = lane.section(rows)
    assert "Trained:\n\n| family | one |\n|---|---|\n| A | 0.01 |\n| B | 0 (5%) |\n" in text
    assert "| A | (1) | **broken** (2) |\n| B | (1) | — |" in text
    assert text.endswith(f"\n1. {LINE}\n2. KeyError: 'x'\n")
    assert lane.broken(rows["a"]) == ["three"]
    assert broken.word == "broken"


def counted(family: str) -> Cells:
    """A step that knows how often it ran, and one that ends the lane the first time."""
    folder = Path(os.environ["COUNTED"])
    runs = len(list(folder.glob(f"{family}.*")))
    (folder / f"{family}.{runs}").touch()
    if family == "b" and not runs:
        os._exit(9)  # as if it were killed
    return {"step": Cell("right", runs)}


def test_a_lane_that_was_killed_goes_on_with_the_next_family(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTED", str(tmp_path))
    lane = Lane("H", ("About.",), {"a": "A", "b": "B"}, {"All": ("step",)}, counted, list, (), ("torch",))
    asked = ["--work", str(tmp_path / "work"), "--jobs", "1"]
    killed = CliRunner().invoke(lane.command(), asked)
    assert killed.exit_code != 0
    ended = CliRunner().invoke(lane.command(), asked)
    assert ended.exit_code == 0, ended.output
    assert "| A | 0 |\n| B | 1 |" in ended.output
    assert sorted(path.name for path in tmp_path.glob("?.?")) == ["a.0", "b.0", "b.1"]


def test_the_page_has_a_place_for_every_lane() -> None:
    page = (Path(__file__).parents[2] / "docs" / "families.md").read_text(encoding="utf-8")
    for heading in ("Classifiers", "Classifiers made smaller", "Generators"):
        assert f"<!-- begin: {heading} -->\n## {heading}\n" in page


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_family_goes_through_every_step(family: str) -> None:
    assert {step: cell.says for step, cell in tried(family).items() if cell.word != "right"} == {}
    assert {step for steps in LANE.tables.values() for step in steps} == set(STEPS)
