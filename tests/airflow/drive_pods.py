"""Run by Airflow's own interpreter: the pods of a DAG, and what their ends mean, as JSON."""

import contextlib
import json
import os
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from kubernetes.client import ApiClient

from slmworks.engines.airflow.pods import PodOperator

ENDS = {
    2: "slmworks: steps.teacher: bad",
    99: "gate",
    1: "slmworks: teacher: exploded",
    137: "epoch 2 of 4",
    143: "epoch 3",
}


def main() -> None:
    folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
    bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
    if bag.import_errors:
        raise SystemExit(str(bag.import_errors))
    dag = bag.dags["toy"]
    pods = {}
    for task in dag.tasks:
        context = {
            "dag": dag,
            "params": {},
            "run_id": "manual",
            "dag_run": SimpleNamespace(triggering_user_name="anna"),
            "ti": SimpleNamespace(xcom_pull=lambda **_: None),
        }
        with mock.patch.object(KubernetesPodOperator, "execute"):  # everything but the cluster
            task.execute(context)
        pod = task.build_pod_request_obj(dry_run=True)
        pods[task.task_id] = ApiClient().sanitize_for_serialization(pod)
    ends = {code: ended(dag.get_task("teacher"), code, said) for code, said in ENDS.items()}
    print(json.dumps({"pods": pods, "ends": ends}))


def ended(task: PodOperator, code: int, said: str) -> list[str]:
    """The error that a pod's end becomes."""
    from kubernetes.client import models as k8s

    state = k8s.V1ContainerState(
        terminated=k8s.V1ContainerStateTerminated(
            exit_code=code, reason="OOMKilled" if code == 137 else "Error", message=f"a line\n{said}\n"
        )
    )
    status = k8s.V1ContainerStatus(
        name="base", image="x", image_id="x", ready=False, restart_count=0, state=state
    )
    pod = k8s.V1Pod(
        metadata=k8s.V1ObjectMeta(name="p", namespace="n", annotations={}),
        spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")]),
        status=k8s.V1PodStatus(phase="Failed", container_statuses=[status]),
    )
    quiet = ("patch_already_checked", "process_pod_deletion", "is_istio_enabled")
    with contextlib.ExitStack() as stack:
        for name in quiet:
            stack.enter_context(mock.patch.object(PodOperator, name, return_value=False))
        try:
            task.cleanup(pod, pod)
        except Exception as error:
            return [type(error).__name__, str(error)]
    return []


main()
