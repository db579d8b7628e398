"""`slmworks runs`: what goes on is told from what was killed."""

import pytest
from click.testing import CliRunner

from slmworks.cli.runs import runs
from slmworks.contract.errors import BadRequest
from slmworks.execution.records import RunRecord
from slmworks.execution.run_names import short_name
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


AIRFLOW = "retrain.manual__2026-11-28T16-23-17.123456-00-00-0123456789ab"
KUBEFLOW = "0b7e4d62-3a57-4b1c-9b53-0f4f1d0c1a2b"


@pytest.mark.parametrize("run", [AIRFLOW, KUBEFLOW, "20261128-162317-12ef"])
def test_a_run_is_found_by_its_short_name_and_by_a_unique_beginning(store, run):
    what = {"recipe": "toy", "plan": [], "edits": [{"step": "a", "option": "b", "was": 1, "now": [2]}]}
    RunRecord.of(run, "done", what, started="2026-11-28T16:23:17.000+00:00").write(store)
    short = short_name(run)
    assert len(short) <= 20
    assert short in shown(store)
    for given in (run, short, run[:12]):
        assert f"run {run} · toy · done" in shown(store, given)
    assert "a.b 1 → [2]" in shown(store, short)


def test_a_beginning_of_several_runs_names_them(store):
    for number in range(2):
        RunRecord.of(f"x-{number}", "done", {"recipe": "toy"}, started="2026").write(store)
    with pytest.raises(BadRequest, match="begins the names of 2 runs: x-0, x-1"):
        shown(store, "x")
    with pytest.raises(BadRequest, match="no run 'y' in"):
        shown(store, "y")
