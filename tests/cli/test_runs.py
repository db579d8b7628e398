"""`slmworks runs`: what goes on is told from what was killed."""

import pytest
from click.testing import CliRunner

from slmworks.cli.runs import runs
from slmworks.store import open_store
from stories import Story, engine


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    Story(store, tmp_path / "work").record("teacher", "finetune classifier", state="running")
    return store


def shown(store, *words):
    return CliRunner().invoke(runs, [*words, "--store", store.url], catch_exceptions=False).output


def test_a_run_whose_engine_was_killed_is_killed_with_its_tasks_and_one_that_goes_on_runs(store):
    process = engine(store)
    try:
        assert "running" in shown(store)
    finally:
        process.kill()
        process.wait()
    assert "killed" in shown(store)
    assert "running" not in shown(store)
    assert "was killed with the run" in shown(store, "run-1")


def test_who_cannot_write_sees_runs_as_they_were_left(store):
    process = engine(store)
    process.kill()
    process.wait()
    parts = store.cache / "parts"  # what is written passes through there
    parts.rename(store.cache / "before")
    parts.write_text("no folder")
    assert "running" in shown(store)
    parts.unlink()
    assert "killed" in shown(store)
