"""A run whose MLflow server goes away and comes back."""

import time

import pytest

from servers import MlflowServer
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync

pytestmark = pytest.mark.slow


def test_a_server_that_is_killed_and_started_again_costs_the_run_nothing(works, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    (tmp_path / "server").mkdir()
    server = MlflowServer(tmp_path / "server").start()
    try:
        works.recipe = works.recipe.partition("  gate:")[0].replace("seconds: 0", "seconds: 30")
        process = works.start("--tracking", server.uri)
        (run,) = _until(lambda: [path.parent.name for path in works.store.root.glob("runs/*/run.json")])
        client = connect(server.uri).client

        def shown():
            runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
            return sorted(one.data.tags["slmworks.task"] for one in runs if "slmworks.task" in one.data.tags)

        _until(lambda: "curate" in shown())  # it was there when the run began …
        server.kill()
        said, _ = process.communicate(timeout=240)  # … and not when it ended
        assert process.returncode == 0, said
        assert "slmworks lineage sync" in said
        record = works.record(run, "run")
        assert record["state"] == "done"
        teacher = works.record(run, "teacher")["manifest"]["seconds"]
        assert teacher == pytest.approx(30, abs=3)  # nothing was slowed
        server.start()
        sync(works.store, server.uri)
        planned = sorted(["-", *(task["id"] for task in record["plan"])])
        assert shown() == planned
        runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
        assert {one.info.status for one in runs} == {"FINISHED"}
        assert sync(works.store, server.uri).tasks == 0
    finally:
        server.kill()


def _until(find, seconds=120):
    end = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found
