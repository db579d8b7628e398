"""What a compiled pipeline tells its tasks: their parameters as a pod gets them, and the specs that they are."""

from collections.abc import Iterator
from typing import Any

import libyaml

from slmworks.engines.kubeflow.told import RUN, changed, spec_of
from slmworks.execution.spec import TaskSpec

CHANNEL = "pipelinechannel--"


def told(text: str, **inputs: Any) -> dict[str, dict[str, Any]]:
    """Task -> its parameters, with the pipeline's inputs as its form has them, or as given."""
    spec = next(iter(libyaml.load_all(text)))
    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    form = {name: said.get("defaultValue") for name, said in known.items()} | inputs
    return {
        name: {key: _value(one, form) for key, one in parameters.items()}
        for name, parameters in _tasks(spec)
        if "spec" in parameters
    }


def specs(text: str, **inputs: Any) -> list[TaskSpec]:
    """The specs of a compiled pipeline's tasks."""
    found = [{**one, RUN: ""} for one in told(text, **inputs).values()]
    return [changed(spec_of(one), one) for one in found]


def _tasks(spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for part in (spec["root"], *spec["components"].values()):
        for name, task in part.get("dag", {}).get("tasks", {}).items():
            yield name, task.get("inputs", {}).get("parameters", {})


def _value(said: dict[str, Any], form: dict[str, Any]) -> Any:
    if "runtimeValue" in said:
        return said["runtimeValue"]["constant"]
    return form.get(said.get("componentInputParameter", "").removeprefix(CHANNEL))
