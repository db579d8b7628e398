"""Names of candidates: what a gate or a selection calls the models that its reports are about."""

from collections.abc import Mapping
from dataclasses import replace

from slmworks.contract.artifact import Report
from slmworks.contract.stage import ports
from slmworks.recipe.plan import PlannedTask


def with_names(tasks: Mapping[str, PlannedTask]) -> dict[str, PlannedTask]:
    """The tasks; one that joins reports knows the step, with its variants, that made the model of each."""
    return {name: replace(task, names=_names(task, tasks)) for name, task in tasks.items()}


def _names(task: PlannedTask, tasks: Mapping[str, PlannedTask]) -> dict[str, tuple[str, ...]]:
    joining = (port for port in ports(type(task.configured)).values() if port.many and port.kind is Report)
    return {
        port.name: tuple(_called(tasks[one], tasks) for one in task.inputs[port.name])
        for port in joining
        if port.name in task.inputs
    }


def _called(report: PlannedTask, tasks: Mapping[str, PlannedTask]) -> str:
    """The task that made the model of a report; of one from outside, the report's own."""
    (maker,) = (tasks[one] for one in report.inputs.get("model", (report.id,)))
    return report.id if maker.brings else maker.id
