"""The tutorials in docs/, followed to the letter: written, installed, checked, tested, run in one recipe."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model

ROOT = Path(__file__).parents[2]
TUTORIALS = ("write-a-plugin.md", "write-a-trainer.md")
FILE = re.compile(r"^`((?:slmworks-\w+/|recipe)[^`]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLUGINS = {"gate/minimum": "slmworks-minimum", "distill/linear-words": "slmworks-words"}


class Site:
    """A folder with the tutorials' files, their distributions installed, and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            "PYTHONPATH": str(folder / "site"),
            "SLMWORKS_TRACKING": "none",
            "NO_COLOR": "1",
        }

    def __call__(self, *command: str, code: int = 0) -> str:
        """Run a Python module with words; gives all it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.folder, env=self.env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("tutorial")
    found = Site(folder)
    for tutorial in TUTORIALS:
        for name, text in FILE.findall((ROOT / "docs" / tutorial).read_text(encoding="utf-8")):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    found("pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--target=site",
          *(f"./{name}" for name in PLUGINS.values()))  # fmt: skip
    return found


@pytest.fixture(scope="module")
def given(site: Site, tiny_encoder: Model, tiny_reviews: Dataset) -> Site:
    """The data and the weights that the recipe names."""
    shutil.copytree(tiny_encoder.path, site.folder / "encoder")
    with (site.folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for split in ("train", "validation", "test"):
            rows.writerows(zip(*tiny_reviews.columns(split, "text", "label"), strict=True))
    return site


@pytest.fixture(scope="module")
def ran(given: Site) -> str:
    """What the recipe printed."""
    return given("slmworks", "run", "recipe.yaml", "--cores", "1")


def test_each_tutorial_has_its_files(site: Site) -> None:
    written = {path.relative_to(site.folder).as_posix() for path in site.folder.glob("slmworks-*/**/*.*")}
    for name in PLUGINS.values():
        package = name.replace("-", "_")
        assert {f"{name}/pyproject.toml", f"{name}/{package}/__init__.py"} <= written
        assert any(path.startswith(f"{name}/tests/test_") for path in written)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_plugin_keeps_the_contract(plugin: str, site: Site) -> None:
    said = site("slmworks", "plugins", "check", plugin)
    assert "✓ Loading it imports no heavy library" in said
    assert "✗" not in said


@pytest.mark.parametrize("distribution", PLUGINS.values())
def test_its_own_tests_pass(distribution: str, site: Site) -> None:
    assert "3 passed" in site("pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, distribution)


def test_its_options_are_explained(site: Site) -> None:
    said = site("slmworks", "plugins", "show", "gate/minimum")
    assert "minimum: number > 0 < 1 = 0.8\n      Value on the split `test`" in said


def test_a_wrong_option_is_refused_with_its_place(given: Site) -> None:
    text = (given.folder / "recipe.yaml").read_text()
    (given.folder / "wrong.yaml").write_text(text.replace("minimum: 0.8", "minimum: 1.8"))
    said = given("slmworks", "check", "wrong.yaml", code=2)
    assert "steps.gate.with.minimum: input should be less than 1" in said


def test_both_work_in_a_recipe(site: Site, ran: str) -> None:
    assert "passed: accuracy" in ran
    records = {
        path.stem: json.loads(path.read_text()) for path in site.folder.glob(".slmworks/runs/*/*.json")
    }
    gate, students = records["gate"], [records[f"student.epochs={count}"] for count in (10, 20)]
    assert gate["state"] == "done"
    assert gate["manifest"]["producer"]["distribution"] == "slmworks-minimum"
    digests = {student["manifest"]["digest"] for student in students}
    assert gate["manifest"]["refs"]["model"] in digests
    walked = site("slmworks", "lineage", gate["manifest"]["digest"])
    for words in ("gate minimum", "distill linear-words", "finetune classifier", "fetch files"):
        assert words in walked


def test_the_teacher_is_asked_once_for_both_students(ran: str) -> None:
    assert ran.count("asking the teacher") == 1
