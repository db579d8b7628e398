"""A strict JSON Schema of a KServe InferenceService, as far as the chart uses it.

Written by hand from KServe's API reference (serving.kserve.io/v1beta1: InferenceServiceSpec, PredictorSpec,
ComponentExtensionSpec), because the CRD is two megabytes and the SDK 451. A custom predictor is a PodSpec with
a few fields beside it; the PodSpec is Kubernetes' own, strict.
"""

from typing import Any

from kubernetes_validate import utils


def schema(version: str) -> dict[str, Any]:
    """The schema, with a Kubernetes version's PodSpec."""
    pod = utils.schema_contents(f"kubernetes-json-schema/v{version}-local-strict/podspec-v1.json", version)
    known = "/api/_definitions.json#/$defs/"
    strings = {"type": "object", "additionalProperties": {"type": "string"}}
    count = {"type": "integer", "minimum": 0}
    extension = {
        "minReplicas": count,
        "maxReplicas": count,
        "scaleTarget": count,
        "timeout": count,
        "labels": strings,
        "annotations": strings,
        "deploymentStrategy": {"$ref": f"{known}io.k8s.api.apps.v1.DeploymentStrategy"},
    }
    predictor = {**pod, "properties": {**pod["properties"], **extension}}
    del predictor["$id"], predictor["$schema"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": pod["$id"].replace("podspec", "inferenceservice"),
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": "serving.kserve.io/v1beta1"},
            "kind": {"const": "InferenceService"},
            "metadata": {"$ref": f"{known}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
            "spec": {
                "type": "object",
                "required": ["predictor"],
                "additionalProperties": False,
                "properties": {"predictor": predictor},
            },
        },
    }
