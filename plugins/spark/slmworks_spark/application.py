"""A task as a SparkApplication of Kubeflow's Spark operator (sparkoperator.k8s.io/v1beta2).

Its driver runs `slmworks task` and puts the result into the store, where the pipeline's own task finds it.
Executors get neither secrets nor volumes: they see what the driver sends them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.engines.pod_settings import Pod, SecretKey, Volume, amount
from slmworks.execution.spec import TaskSpec
from slmworks_spark.engine import Spark
from slmworks_spark.settings import MESSAGE

VERSION = "4.3.0"
"""Of Spark, in the image and in the extra `run`."""
MAIN = "local:///opt/slmworks/submitted.py"
"""Where the image has our application."""
TMP = "/tmp"  # noqa: S108 - in the pod
MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What the engine file says about the pod of a task."""

    image: str
    pod: Pod
    variables: Mapping[str, str]
    secrets: Mapping[str, SecretKey]
    namespace: str | None
    account: str
    """Service account of the driver, which makes the executors."""
    pull_secrets: Sequence[str] = ()


def application(options: Spark, spec: TaskSpec, given: Sequence[str], place: Environment) -> dict[str, Any]:
    """The manifest; `given`: inputs like `data=@RUN/TASK`. BadRequest for a master that is no Kubernetes."""
    if not options.on_kubernetes:
        raise BadRequest(
            f"curate.master: a SparkApplication runs on Kubernetes, and this is {options.master}; set it to "
            "k8s://https://kubernetes.default.svc."
        )
    word = spec.encode()
    digest = hashlib.sha256(f"{word}{given}".encode()).hexdigest()[:8]
    pod, image = place.pod, options.image or place.image
    where = {"namespace": options.namespace or place.namespace}
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {
            "name": f"slmworks-{spec.step.replace('_', '-').lower()[:40]}-{digest}",
            **{key: value for key, value in where.items() if value},
            **({"labels": dict(pod.labels)} if pod.labels else {}),
            **({"annotations": dict(pod.annotations)} if pod.annotations else {}),
        },
        "spec": {
            "type": "Python",
            "pythonVersion": "3",
            "mode": "cluster",
            "sparkVersion": VERSION,
            "image": image,
            **({"imagePullPolicy": pod.pull_policy} if pod.pull_policy else {}),
            **({"imagePullSecrets": list(place.pull_secrets)} if place.pull_secrets else {}),
            "mainApplicationFile": MAIN,
            "arguments": ["task", "--alone", *(f"--in={one}" for one in given), f"--spec={word}"],
            "restartPolicy": _restarts(pod),
            "sparkConf": {
                "spark.ui.enabled": "false",
                "spark.driver.maxResultSize": "0",
                "spark.rpc.message.maxSize": str(MESSAGE),
                "spark.local.dir": TMP,
                **options.conf,
            },
            "volumes": [_volume(name, one) for name, one in _named(pod)] + [_scratch(pod)],
            "driver": _driver(options, place),
            "executor": {
                "instances": options.executors,
                "cores": options.cores,
                "memory": options.memory,
                "memoryOverhead": options.python_memory,
                "deleteOnTermination": True,
                "securityContext": _security(),
                **_nodes(pod),
            },
        },
    }


def _driver(options: Spark, place: Environment) -> dict[str, Any]:
    pod = place.pod
    overhead = f"{max(384, int(amount(pod.memory) / MEBIBYTE))}m" if pod.memory else None
    mounts = [{"name": name, "mountPath": one.path} for name, one in _named(pod)]
    return {
        "cores": max(1, pod.threads),
        "memory": options.driver_memory,
        **({"memoryOverhead": overhead} if overhead else {}),
        "serviceAccount": place.account,
        "env": [
            *({"name": name, "value": value} for name, value in place.variables.items()),
            *(
                {"name": name, "valueFrom": {"secretKeyRef": {"name": one.secret, "key": one.key}}}
                for name, one in place.secrets.items()
            ),
        ],
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": TMP}],
        "securityContext": _security(),
        **({"labels": dict(pod.labels)} if pod.labels else {}),
        **_nodes(pod),
    }


def _restarts(pod: Pod) -> dict[str, Any]:
    """What was finished of the run before stays; a driver that starts again begins its task again."""
    if not pod.retries:
        return {"type": "Never"}
    return {
        "type": "OnFailure",
        "onFailureRetries": pod.retries,
        "onFailureRetryInterval": 10,
        "onSubmissionFailureRetries": pod.retries,
        "onSubmissionFailureRetryInterval": 10,
    }


def _nodes(pod: Pod) -> dict[str, Any]:
    tolerations = [one.model_dump(exclude_none=True) for one in pod.tolerations or ()]
    found = {
        "nodeSelector": dict(pod.node_selector or {}),
        "tolerations": tolerations,
        "priorityClassName": pod.priority_class,
    }
    return {key: value for key, value in found.items() if value}


def _security() -> dict[str, Any]:
    return {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _named(pod: Pod) -> list[tuple[str, Volume]]:
    return [(f"volume-{number}", one) for number, one in enumerate(pod.volumes or ())]


def _volume(name: str, volume: Volume) -> dict[str, Any]:
    source = {
        "claim": {"persistentVolumeClaim": {"claimName": volume.source}},
        "config_map": {"configMap": {"name": volume.source}},
        "secret": {"secret": {"secretName": volume.source}},
    }
    return {"name": name, **source[volume.kind]}


def _scratch(pod: Pod) -> dict[str, Any]:
    """The volume at `TMP`, which holds the cleaned rows."""
    return {"name": "tmp", "emptyDir": {"sizeLimit": pod.tmp.size} if pod.tmp else {}}
