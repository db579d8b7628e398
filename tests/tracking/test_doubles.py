"""What was created twice in MLflow is there once after a sync."""

from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync


def test_a_request_that_was_sent_twice_leaves_one_run_and_one_version(store, story, uri):
    sync(store, uri)
    client = connect(uri).client
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    for run in runs:
        tags = {key: run.data.tags[key] for key in ("slmworks.run", "slmworks.task")}
        client.create_run(run.info.experiment_id, start_time=1, tags=tags)
    version = client.get_model_version("reviews", "1")
    client.create_model_version("reviews", version.source, tags={"slmworks.version": "1"})
    sync(store, uri)
    after = client.search_runs([e.experiment_id for e in client.search_experiments()])
    assert {run.info.run_id for run in after} == {run.info.run_id for run in runs}
    assert [int(one.version) for one in client.search_model_versions("name = 'reviews'")] == [1]


def test_tasks_follow_when_their_parent_was_deleted_by_hand(store, story, uri):
    sync(store, uri)
    client = connect(uri).client

    def runs():
        found = client.search_runs([e.experiment_id for e in client.search_experiments()])
        return {run.data.tags["slmworks.task"]: run for run in found}

    client.delete_run(runs()["-"].info.run_id)
    assert sync(store, uri).tasks == 0
    after = runs()
    parents = {run.data.tags["mlflow.parentRunId"] for task, run in after.items() if task != "-"}
    assert parents == {after["-"].info.run_id}
