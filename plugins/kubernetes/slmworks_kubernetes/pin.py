"""Where an object of the cluster says which model it serves.

The init step `pull` of a pod gets the model's digest as MODEL_DIGEST and fetches exactly that release
(`slmworks pull NAME --digest $(MODEL_DIGEST)`); an annotation repeats it for people. A change is a JSON patch
that tests what it replaces, so that of two who change at once the second is told. No cluster is called here.
"""

from dataclasses import dataclass
from typing import Any

from slmworks.contract.errors import BadRequest

CONTAINER = "pull"
VARIABLE = "MODEL_DIGEST"
ANNOTATION = "slmworks.dev/model-digest"


@dataclass(frozen=True)
class Resource:
    """A kind of object that runs pods which serve."""

    kind: str
    group: str
    version: str
    plural: str
    pod: tuple[str, ...]
    """Where its pods' spec is."""
    about: tuple[str, ...]
    """Where its pods' annotations are."""


DEPLOYMENT = Resource(
    "Deployment",
    "apps",
    "v1",
    "deployments",
    pod=("spec", "template", "spec"),
    about=("spec", "template", "metadata", "annotations"),
)
INFERENCE_SERVICE = Resource(
    "InferenceService",
    "serving.kserve.io",
    "v1beta1",
    "inferenceservices",
    pod=("spec", "predictor"),
    about=("spec", "predictor", "annotations"),
)


def pinned(resource: Resource, found: dict[str, Any]) -> str:
    """The digest (`sha256:…`) that an object serves; BadRequest when it isn't one of ours."""
    return str(_place(resource, found)[2])


def pin(resource: Resource, found: dict[str, Any], digest: str) -> list[dict[str, Any]]:
    """The JSON patch that makes an object serve `digest`, if it still serves what it served in `found`."""
    container, variable, before = _place(resource, found)
    start = f"/{'/'.join(resource.pod)}/initContainers/{container}"
    about = f"/{'/'.join(resource.about)}"
    notes = at(found, resource.about)
    return [
        {"op": "test", "path": f"{start}/name", "value": CONTAINER},
        {"op": "test", "path": f"{start}/env/{variable}", "value": {"name": VARIABLE, "value": before}},
        {"op": "replace", "path": f"{start}/env/{variable}/value", "value": digest},
        {"op": "add", "path": f"{about}/{ANNOTATION.replace('/', '~1')}", "value": digest}
        if notes
        else {"op": "add", "path": about, "value": {ANNOTATION: digest}},
    ]


def at(found: Any, path: tuple[str, ...]) -> Any:
    """What an object holds at a path, or None."""
    for word in path:
        found = (found or {}).get(word)
    return found


def _place(resource: Resource, found: dict[str, Any]) -> tuple[int, int, str]:
    """Number of the container, of the variable in it, and its value."""
    for number, container in enumerate(at(found, (*resource.pod, "initContainers")) or []):
        for place, variable in enumerate(container.get("env") or []):
            if container["name"] == CONTAINER and variable["name"] == VARIABLE and variable.get("value"):
                return number, place, str(variable["value"])
    name = at(found, ("metadata", "name"))
    raise BadRequest(
        f"{resource.kind} '{name}' has no init container '{CONTAINER}' with a variable {VARIABLE}: nothing "
        "says which model it serves. Install it with the chart helm/slmworks."
    )
