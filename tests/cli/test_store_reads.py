"""What a command asks of its store does not grow with the store."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import slmworks.store
from counted import Counted
from slmworks.cli.main import cli
from slmworks.execution.records import TaskRecord
from slmworks.packet.gather import packet
from slmworks.registry.log import Registry
from slmworks.store import open_store
from synthetic import fill

MOST = 60
RECIPE = Path(__file__).parents[2] / "pipelines/first-run.yaml"
OLD = ("by-digest", "by-start", "released", "took", "unfinished", "registry/.blocks")
"""Folders that a store of an earlier version does not have."""


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    store = open_store(str(tmp_path_factory.mktemp("synthetic") / "store"))
    fill(store, 90, 120)
    return store


@pytest.fixture
def counted(filled, monkeypatch):
    found = Counted(filled)
    monkeypatch.setattr(slmworks.store, "open_store", lambda _url: found)
    return found


def call(*words):
    done = CliRunner().invoke(cli, [*words, "--store", "x"])
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs"], "60 earlier ones: slmworks runs --last 90"),
        (["models"], "candidate"),
        (["plan", str(RECIPE)], "about"),
        (["lineage", "reviews@champion"], "curate text"),
        (["approve", "search", "--because", "b", "--uncompared", "--tracking", "none"], "champion: v"),
    ],
    ids=["runs", "models", "plan", "lineage", "approve"],
)
def test_a_command_asks_little(counted, words, said):
    assert said in call(*words)
    assert 0 < counted.reads <= MOST


def test_a_page_asks_little(counted):
    state = Registry(counted).state("reviews")
    counted.reads = 0
    page = packet(counted, state.versions[-1].registered.verdict)[1]
    assert "curate text" in page
    assert "slmworks==0.1.0" in page
    assert counted.reads <= MOST


def test_a_store_of_an_earlier_version_is_read_in_full_once(filled, counted):
    for folder in OLD:
        filled.remove(*filled.list(folder))
    for words in (["runs"], ["lineage", "reviews@champion"], ["models"]):
        before, counted.reads = call(*words), 0
        assert call(*words) == before
        assert counted.reads <= MOST + 3 * 40, words  # the log's blocks come with the next entries


def test_who_came_to_a_version_is_known_of_an_earlier_version_too(filled, counted):
    from slmworks.execution.history import runs_with

    (run,) = [one.run for one in runs_with(counted, "reviews", 3)]
    filled.remove(*filled.list("released"))
    assert [one.run for one in runs_with(counted, "reviews", 3)] == [run]
    record = TaskRecord.read(filled, f"runs/{run}/register.json")
    assert record is not None
    assert record.holds("reviews", 3)
    counted.reads = 0
    assert [one.run for one in runs_with(counted, "reviews", 3)] == [run]
    assert counted.reads <= 2


def test_a_log_in_blocks_says_the_same_as_its_entries(filled):
    whole = Registry(filled).state("reviews")
    filled.remove(*filled.list("registry/.blocks"))
    assert Registry(filled).state("reviews") == whole
    assert len(whole.entries) > 8
