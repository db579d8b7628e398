"""A run whose engine was killed is told from one that goes on."""

import json
import signal

from slmworks.lineage import alive, close_dead
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from stories import Story, engine


def record(store):
    return json.loads(store.read("runs/run-1/run.json"))


def test_a_killed_engine_leaves_a_run_that_is_closed_with_its_last_sign_of_life(store, tmp_path):
    Story(store, tmp_path / "work").tell()
    process = engine(store)
    assert close_dead(store) == []
    assert record(store)["state"] == "running"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert close_dead(store) == ["run-1"]
    assert (record(store)["state"], record(store)["ended"]) == ("killed", "2026-11-22T10:00:01.500+00:00")
    assert close_dead(store) == []


def test_a_run_that_ended_by_itself_is_left_as_it_is(store, tmp_path):
    story = Story(store, tmp_path / "work")
    with alive(store, "run-1"):
        story.end("failed")
    before = store.read("runs/run-1/run.json")
    assert close_dead(store) == []
    assert store.read("runs/run-1/run.json") == before


def test_the_next_sync_of_any_run_closes_it_in_mlflow_too(store, tmp_path, uri):
    Story(store, tmp_path / "work").tell()
    process = engine(store)
    sync(store, uri, "run-1")
    client = connect(uri).client

    def parent():
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        return next(
            run
            for run in runs
            if run.data.tags["slmworks.run"] == "run-1" and run.data.tags["slmworks.task"] == "-"
        )

    assert parent().info.status == "RUNNING"
    process.kill()
    process.wait()
    Story(store, tmp_path / "more", "run-2").end()
    sync(store, uri, "run-2")
    assert parent().info.status == "KILLED"
    assert parent().info.end_time == 1795341601500
    assert parent().data.tags["slmworks.state"] == "killed"
