"""A strict JSON Schema of SparkApplication (sparkoperator.k8s.io/v1beta2), as far as we write it.

Written by hand from the operator's CRD, which is 0.8 MB and was asked once about the golden file: it allows less.
"""

from typing import Any

STRING = {"type": "string", "minLength": 1}
STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 1}
SIZE = {"type": "string", "pattern": "^[1-9][0-9]*[mg]$"}


def _of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


SECURITY = _of(
    {
        "runAsNonRoot": {"const": True},
        "allowPrivilegeEscalation": {"const": False},
        "capabilities": _of({"drop": {"const": ["ALL"]}}, "drop"),
        "seccompProfile": _of({"type": {"const": "RuntimeDefault"}}, "type"),
    },
    "runAsNonRoot",
)
TOLERATION = _of(
    {"key": STRING, "operator": {"enum": ["Equal", "Exists"]}, "value": STRING, "effect": STRING}
)
POD = {
    "cores": COUNT,
    "memory": SIZE,
    "memoryOverhead": SIZE,
    "labels": STRINGS,
    "nodeSelector": STRINGS,
    "priorityClassName": STRING,
    "securityContext": SECURITY,
    "tolerations": _list(TOLERATION),
}
KEY = _of({"name": STRING, "key": STRING}, "name", "key")
ENV = {
    "oneOf": [
        _of({"name": STRING, "value": {"type": "string"}}, "name", "value"),
        _of({"name": STRING, "valueFrom": _of({"secretKeyRef": KEY}, "secretKeyRef")}, "name", "valueFrom"),
    ]
}
VOLUME = _of(
    {
        "name": STRING,
        "persistentVolumeClaim": _of({"claimName": STRING}, "claimName"),
        "configMap": _of({"name": STRING}, "name"),
        "secret": _of({"secretName": STRING}, "secretName"),
        "emptyDir": _of({"sizeLimit": STRING}),
    },
    "name",
)
SCHEMA = _of(
    {
        "apiVersion": {"const": "sparkoperator.k8s.io/v1beta2"},
        "kind": {"const": "SparkApplication"},
        "metadata": _of(
            {
                "name": {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"},
                "namespace": STRING,
                "labels": STRINGS,
                "annotations": STRINGS,
            },
            "name",
        ),
        "spec": _of(
            {
                "type": {"const": "Python"},
                "pythonVersion": {"const": "3"},
                "mode": {"const": "cluster"},
                "sparkVersion": STRING,
                "image": STRING,
                "imagePullPolicy": STRING,
                "imagePullSecrets": _list(STRING),
                "mainApplicationFile": {"type": "string", "pattern": r"^local:///\S+\.py$"},
                "arguments": _list(STRING),
                "restartPolicy": _of(
                    {
                        "type": {"enum": ["Never", "OnFailure"]},
                        "onFailureRetries": COUNT,
                        "onFailureRetryInterval": COUNT,
                        "onSubmissionFailureRetries": COUNT,
                        "onSubmissionFailureRetryInterval": COUNT,
                    },
                    "type",
                ),
                "sparkConf": STRINGS,
                "volumes": _list(VOLUME),
                "driver": _of(
                    {
                        **POD,
                        "serviceAccount": STRING,
                        "env": _list(ENV),
                        "volumeMounts": _list(
                            _of({"name": STRING, "mountPath": STRING}, "name", "mountPath")
                        ),
                    },
                    "serviceAccount",
                ),
                "executor": _of(
                    {**POD, "instances": COUNT, "deleteOnTermination": {"const": True}}, "instances"
                ),
            },
            "type",
            "mainApplicationFile",
            "sparkVersion",
            "driver",
            "executor",
        ),
    },
    "apiVersion",
    "kind",
    "metadata",
    "spec",
)
