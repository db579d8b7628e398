"""Backup and restore as docs/operations.md has it: records first, objects last, while the store is used."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

import slmworks
from releases import approve
from slmworks.cli.main import cli
from slmworks.lineage import lineage_of, render
from slmworks.registry.log import Registry
from slmworks.store import open_store
from stories import Story

PAGE = Path(__file__).parents[2] / "docs/operations.md"


def copy(source, target, *, objects):
    """What a pass of the page's commands copies."""
    if objects:
        shutil.copytree(source / "objects", target / "objects", dirs_exist_ok=True)
    else:
        shutil.copytree(source, target, ignore=lambda place, _: ["objects"] if Path(place) == source else [])


@pytest.fixture
def store(tmp_path):
    """A champion, approved, with the whole story of how it was made."""
    found = open_store(str(tmp_path / "store"))
    Story(found, tmp_path / "one", "run-1").tell().end()
    approve(found, 1)
    return found


def call(*words):
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_what_was_backed_up_of_a_store_in_use_serves_elsewhere(store, tmp_path):
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    copy(store.root, backup, objects=False)
    Story(store, tmp_path / "two", "run-2").tell(3.0).end()  # between the two passes
    approve(store, 2)
    copy(store.root, backup, objects=True)
    shutil.copytree(backup, elsewhere)
    way = render(lineage_of(store, "reviews@1")).partition("\n")[2]
    shutil.rmtree(store.root)

    restored = open_store(str(elsewhere))
    assert slmworks.load("reviews@champion", store=restored)("good again")["label"] == "positive"
    assert Registry(restored).state("reviews").aliases["champion"] == 1
    assert render(lineage_of(restored, "reviews@1")).partition("\n")[2] == way
    assert [one["run"] for one in slmworks.runs(store=restored)] == ["run-1"]
    assert "reviews" in call("models", "--audit", "--store", elsewhere, "--tracking", "none")
    call("gc", "--store", elsewhere, "--grace-days", "0")  # what came between the passes is nobody's
    assert slmworks.load("reviews", store=restored)("bad")["label"] == "negative"


def test_the_other_order_loses_what_was_made_in_between(store, tmp_path):
    backup = tmp_path / "backup"
    shutil.copytree(store.root / "objects", backup / "objects")
    Story(store, tmp_path / "two", "run-2").tell(3.0).end()
    approve(store, 2)
    shutil.copytree(
        store.root, backup, dirs_exist_ok=True,
        ignore=lambda place, _: ["objects"] if Path(place) == store.root else [],
    )  # fmt: skip
    with pytest.raises(slmworks.SlmworksError):
        slmworks.load("reviews", store=backup)


def test_the_page_says_records_first():
    commands = re.search(r"```bash\n(rsync.*?)```", PAGE.read_text(), re.DOTALL)
    assert commands is not None
    first, second = [line for line in commands[1].splitlines() if line.startswith("rsync")][:2]
    assert "--exclude=/objects/" in first
    assert "objects/" in second
