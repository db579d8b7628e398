"""One task as a container component: typed inputs and outputs, and the command that every engine starts.

A function is what `kfp` reads a component's interface from, so here one is made for each task.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.stage import inlets, output
from slmworks.recipe.plan import PlannedTask

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

    from slmworks.engines.kubeflow.inputs import Input

MADE, PAGE, CONFUSION = "made", "page", "confusion"
"""Outputs: the manifest of the result, a gate's page, a report's confusion matrix."""

PASSED = "Output"
"""Parameter of a gate: True if it accepted a candidate. `kfp.local` finds the value of a condition only
under this name, which `kfp` itself keeps from being given; hence `_renamed`."""

COMMAND = ("python3", "-m", "slmworks")

TYPES = {
    "Dataset": "Dataset",
    "Model": "Model",
    "Release": "Model",
    "Report": "Metrics",
    "Selection": "Metrics",
    "Verdict": "Metrics",
}
"""Kind of artifact -> Kubeflow's type of it; others are plain artifacts."""


@dataclass(frozen=True)
class Slot:
    """One input artifact of a component: joins are numbered, since Kubeflow has no input of several."""

    name: str
    """`teacher`; `reports_1`, `reports_2`, … for a port that joins."""
    maker: str
    """Id of the task that makes it."""


def slots(task: PlannedTask) -> list[Slot]:
    """The input artifacts of a task, in the order of its ports."""
    taken, found = inlets(type(task.configured)), list[Slot]()
    for port, makers in task.inputs.items():
        for number, maker in enumerate(makers, 1):
            found.append(Slot(f"{port}_{number}" if taken[port].many else port, maker))
    return found


def port_of(slot: str, stage_ports: Mapping[str, Any]) -> str:
    """The port that an input artifact belongs to."""
    return slot if slot in stage_ports else slot.rpartition("_")[0]


def component(
    task: PlannedTask, image: str, takes: Mapping[str, PlannedTask], parameters: Mapping[str, type]
) -> "BaseComponent":
    """The component of a task; `takes` are its input artifacts, `parameters` the types of its parameters."""
    from kfp import dsl

    kinds = {name: _type(maker) for name, maker in takes.items()}
    made: dict[str, Any] = {MADE: dsl.Output[_type(task)]}
    if task.configured.decides:
        made |= {PAGE: dsl.Output[dsl.HTML], "passed": dsl.OutputPath(bool)}
    if getattr(task.configured, "predicts", False):
        made[CONFUSION] = dsl.Output[dsl.ClassificationMetrics]
    annotations = {
        **parameters,
        **{name: dsl.Input[kind] for name, kind in kinds.items()},
        **made,
    }
    words = (*COMMAND, "task", "--executor-input")
    return _renamed(container(task.id, _description(task), annotations, image, words))


def container(
    name: str, description: str, annotations: Mapping[str, Any], image: str, words: tuple[str, ...]
) -> "BaseComponent":
    """A container component whose last argument is Kubeflow's executor input."""
    from kfp import dsl

    def run(*_: Any, **__: Any) -> dsl.ContainerSpec:
        return dsl.ContainerSpec(
            image=image, command=list(words), args=[dsl.PIPELINE_TASK_EXECUTOR_INPUT_PLACEHOLDER]
        )

    kind = inspect.Parameter.KEYWORD_ONLY
    given = [inspect.Parameter(one, kind, annotation=hint) for one, hint in annotations.items()]
    run.__name__ = slug(name)
    run.__doc__ = description
    run.__signature__ = inspect.Signature(given)  # type: ignore[attr-defined]
    return dsl.container_component(run)


def with_inputs(line: Callable[..., None], inputs: Mapping[str, "Input"]) -> Callable[..., None]:
    """The function of a pipeline as `kfp` reads it: its inputs with types, defaults and descriptions."""

    def run(*given: Any) -> None:
        line(**dict(zip(inputs, given, strict=True)))

    kind, none = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                name, kind, annotation=one.hint, default=none if one.value is None else one.value
            )
            for name, one in inputs.items()
        ]
    )
    described = [f"    {name}: {one.description}" for name, one in inputs.items() if one.description]
    run.__doc__ = "\n".join(["Inputs.", "", "Args:", *described])
    return run


def _renamed(made: "BaseComponent") -> "BaseComponent":
    outputs = made.component_spec.outputs
    if "passed" in outputs:
        outputs[PASSED] = outputs.pop("passed")
    return made


def slug(name: str) -> str:
    """A name as Kubeflow takes it: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _type(task: PlannedTask) -> Any:
    from kfp import dsl

    return getattr(dsl, TYPES.get(output(type(task.configured)).kind, "Artifact"))


def _description(task: PlannedTask) -> str:
    return (type(task.configured).__doc__ or task.id).strip().partition("\n")[0]
