"""What docs/operations.md has people type when something is wrong, typed."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import slmworks
from releases import approve
from slmworks.cli.main import cli
from slmworks.registry.log import Registry
from slmworks.store import Store, open_store
from stories import Story

PAGE = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")


def commands(after: str) -> list[list[str]]:
    """The words of each `slmworks …` in the first block below a line; versions 6 and 7 of the page are 1 and 2 here."""
    block = PAGE.partition(after)[2].partition("```bash\n")[2].partition("```")[0]
    lines = [
        shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.startswith("slmworks")
    ]
    return [[re.sub("@6$", "@1", re.sub("@7$", "@2", word)) for word in words] for words in lines]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two versions with their whole stories; the second is the champion."""
    found = open_store(str(tmp_path / "store"))
    for number in (1, 2):
        Story(found, tmp_path / str(number), f"run-{number}").tell(float(number + 1)).end()
        approve(found, number)
    return found


def call(store: Store, *words: str, tracking: str = "") -> str:
    more = ["--tracking", tracking] if tracking else []
    done = CliRunner().invoke(cli, [*words, *more, "--store", str(store.root)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_bad_champion_goes_and_is_pinned(store: Store) -> None:
    typed = [words for words in commands("**The champion answers badly.**") if words[0] != "deploy"]
    assert [words[0] for words in typed] == ["rollback", "models", "compare", "gc"]
    for words in typed:
        tracking = "none" if words[0] == "rollback" else ""
        call(store, *words, tracking=tracking)
    state = Registry(store).state("reviews")
    assert (state.aliases["champion"], state.version(2).status) == (1, "rolled-back")
    assert len(store.list("pins/")) == 1
    with pytest.raises(slmworks.BadRequest, match="was rolled back"):
        slmworks.load("reviews@2", store=store.root)


@pytest.mark.slow
def test_a_lost_mlflow_is_written_again(store: Store, tmp_path: Path) -> None:
    sync, verify = commands("**MLflow is lost, or empty.**")
    new = f"sqlite:///{tmp_path}/new.db"
    assert "2 versions created" in call(store, *sync, tracking=new)
    assert "in MLflow is what was registered" in call(store, *verify, tracking=new)
