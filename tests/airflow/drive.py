"""Run by Airflow's own interpreter: one `dag.test()` with a person who answers through the REST API.

Reads a request as JSON from standard input, writes what came out as JSON to the file that it names:

    {"dag": "tiny", "conf": {…}, "answer": {"user": "anna", "option": "Approve", "reason": "…"}, "to": "out.json"}
"""

import json
import os
import sys
import threading
import time
from pathlib import Path


def main() -> None:
    asked = json.load(sys.stdin)
    from airflow.dag_processing.dagbag import BundleDagBag

    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
    out = {
        "import_errors": bag.import_errors,
        "dags": {name: shape(dag) for name, dag in sorted(bag.dags.items())},
    }
    if asked.get("dag"):
        dag = bag.dags[asked["dag"]]
        out["answers"] = answers = []
        if asked.get("answer"):
            person = threading.Thread(target=answer, args=(asked["answer"], answers), daemon=True)
            person.start()
        run = dag.test(run_conf=asked.get("conf"))
        out |= outcome(dag, run)
    Path(asked["to"]).write_text(json.dumps(out, default=str))
    os._exit(0)  # the person's client holds threads


def shape(dag) -> dict:
    """What a scheduler would know of a DAG: read back from what is stored for it."""
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    return {
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "paused": dag.is_paused_upon_creation,
        "assets": sorted(asset.uri for _, asset in dag.timetable.asset_condition.iter_assets()),
        "params": {name: dag.params.get_param(name).schema for name in dag.params},
        "tasks": {
            task.task_id: {
                "operator": task.task_type,
                "after": sorted(task.upstream_task_ids),
                "owner": task.owner,
                "pool": task.pool,
                "queue": task.queue,
                "retries": task.retries,
                "timeout": task.execution_timeout.total_seconds() if task.execution_timeout else None,
                "doc": task.doc_md,
                "rule": str(task.trigger_rule),
            }
            for task in dag.task_dict.values()
        },
    }


def outcome(dag, run) -> dict:
    from airflow.models.asset import AssetEvent
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        xcoms = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id))
        said = {f"{one.task_id}/{one.key}": XComModel.deserialize_value(one) for one in xcoms}
        events = [
            {"uri": event.asset.uri, "extra": event.extra}
            for event in session.scalars(select(AssetEvent).where(AssetEvent.source_run_id == run.run_id))
        ]
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "tasks": {one.task_id: str(one.state) for one in run.get_task_instances()},
        "xcoms": said,
        "events": events,
    }


def answer(said: dict, answers: list) -> None:
    """Wait until somebody is asked, then answer as this user: what the browser would send."""
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    client = TestClient(create_app(), base_url="http://localhost")
    users = json.loads(Path(os.environ["PASSWORDS"]).read_text())
    for _ in range(100_000):  # trainings take their time; the caller has a limit
        token = client.post("/auth/token", json={"username": said["user"], "password": users[said["user"]]})
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        asked = client.get("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false", headers=headers)
        waiting = [
            one for one in asked.json()["hitl_details"] if one["task_instance"]["state"] == "awaiting_input"
        ]
        if waiting:
            break
        time.sleep(0.25)
    else:
        answers.append("nobody was asked")
        return
    for command in said.get("before", []):
        os.system(command)
    one = waiting[0]["task_instance"]
    place = f"/api/v2/dags/{one['dag_id']}/dagRuns/{one['dag_run_id']}/taskInstances/{one['task_id']}"
    reply = client.patch(
        f"{place}/-1/hitlDetails",
        headers=headers,
        json={"chosen_options": [said["option"]], "params_input": {"reason": said.get("reason")}},
    )
    answers.append({"code": reply.status_code, "asked": waiting[0], "said": reply.json()})


if __name__ == "__main__":
    main()
