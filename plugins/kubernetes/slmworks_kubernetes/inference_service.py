"""KServe's InferenceService as a dict: our server as the predictor, behind the init step that pulls.

Written out rather than made with KServe's SDK, which weighs 451 MB. Where the chart has made one, this is
never applied.
"""

from dataclasses import dataclass, field
from typing import Any

from slmworks.registry.signatures import TRUSTED
from slmworks_kubernetes.pin import ANNOTATION, CONTAINER, INFERENCE_SERVICE, VARIABLE

_LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_RESOURCES = {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}
_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an InferenceService is to be."""

    name: str
    namespace: str
    model: str
    """The model's registered name."""
    digest: str
    """Its digest, `sha256:…`."""
    image: str
    store: str
    replicas: int = 1
    service_account: str | None = None
    secret: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    """Names that it is asked by, beside those of its Services."""
    size: int = 0
    """Bytes of the release."""


def inference_service(wanted: Wanted) -> dict[str, Any]:
    """The object, in KServe's Standard mode: Deployments, with no need of Knative."""
    return {
        "apiVersion": f"{INFERENCE_SERVICE.group}/{INFERENCE_SERVICE.version}",
        "kind": INFERENCE_SERVICE.kind,
        "metadata": {
            "name": wanted.name,
            "namespace": wanted.namespace,
            "labels": {"app.kubernetes.io/name": "slmworks", "app.kubernetes.io/managed-by": "slmworks"},
            "annotations": {"serving.kserve.io/deploymentMode": "Standard"},
        },
        "spec": {
            "predictor": {
                "minReplicas": wanted.replicas,
                "maxReplicas": wanted.replicas,
                "deploymentStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1},
                },
                "annotations": {ANNOTATION: wanted.digest},
                **_pod(wanted),
            }
        },
    }


def _resources(size: int) -> dict[str, Any]:
    """What the server asks for: the model once, and twice while it is loaded; the usual where that is enough.

    A generator's keys and values are not in it: the usual limit has room for 4 slots of a small model.
    """
    needed, most = (200 * _MIB + int(times * size) for times in (1.1, 2.1))
    return {
        "requests": {"cpu": "500m", "memory": _memory(512, needed)},
        "limits": {"memory": _memory(2048, most)},
    }


def _memory(usual: int, needed: int) -> str:
    """The larger of the usual MiB and the bytes that are needed."""
    mib = max(usual, -(-needed // _MIB))
    return f"{mib // 1024}Gi" if mib % 1024 == 0 else f"{mib}Mi"


def _pod(wanted: Wanted) -> dict[str, Any]:
    account = {"serviceAccountName": wanted.service_account} if wanted.service_account else {}
    return {
        **account,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [_pull(wanted)],
        "containers": [_server(wanted)],
        "volumes": [{"name": "release", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}],
    }


def _pull(wanted: Wanted) -> dict[str, Any]:
    env = [{"name": VARIABLE, "value": wanted.digest}]
    env += [{"name": name, "value": value} for name, value in wanted.env.items()]
    secret = {"envFrom": [{"secretRef": {"name": wanted.secret}}]} if wanted.secret else {}
    return {
        "name": CONTAINER,
        "image": wanted.image,
        "command": ["slmworks", "pull"],
        "args": [wanted.model, "--digest", f"$({VARIABLE})", "--to", "/release", "--store", wanted.store],
        "env": env,
        **secret,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": _LOCKED,
        "resources": _RESOURCES,
        "volumeMounts": [
            {"name": "release", "mountPath": "/release"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
        ],
    }


def _server(wanted: Wanted) -> dict[str, Any]:
    services = (wanted.name, f"{wanted.name}-predictor")
    space = wanted.namespace
    names = [
        f"{one}{rest}"
        for one in services
        for rest in ("", f".{space}", f".{space}.svc", f".{space}.svc.cluster.local")
    ]

    def asked(path: str) -> dict[str, Any]:
        return {"httpGet": {"path": path, "port": 8000}}

    demanded = [{"name": TRUSTED, "value": wanted.env[TRUSTED]}] if TRUSTED in wanted.env else []
    return {
        "name": "kserve-container",
        "image": wanted.image,
        "command": ["slmworks", "serve"],
        "args": [
            *(wanted.model, "--from", "/release", "--host", "0.0.0.0", "--port", "8000"),  # noqa: S104
            *("--allowed-hosts", ",".join([*names, *wanted.hosts])),
        ],
        "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}],
        "startupProbe": {**asked("/ready"), "periodSeconds": 2, "failureThreshold": 60},
        "readinessProbe": asked("/ready"),
        "livenessProbe": asked("/health"),
        **({"env": demanded} if demanded else {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": _LOCKED,
        "resources": _resources(wanted.size),
        "volumeMounts": [
            {"name": "release", "mountPath": "/release", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
        ],
    }
