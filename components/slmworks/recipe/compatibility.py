"""Formats and model tasks along a plan: what fits is known before anything is made."""

from collections.abc import Mapping
from dataclasses import dataclass

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import output
from slmworks.recipe.plan import PlannedTask
from slmworks.recipe.recipe import Recipe


@dataclass(frozen=True)
class _Facts:
    """What is known of a model before it exists; empty means unknown."""

    format: str = ""
    task: str = ""


def check_formats(recipe: Recipe, tasks: Mapping[str, PlannedTask]) -> None:
    """BadRequest where a step is given a model that its plugin cannot take."""
    facts: dict[str, _Facts] = {}
    for task in tasks.values():
        chosen = task.configured
        for port, maker in task.inputs.items():
            for one in (maker,) if isinstance(maker, str) else maker:
                _check_facts(recipe, task, port, facts[one], tasks[one])
        models = [
            facts[maker]
            for port, maker in task.inputs.items()
            if isinstance(maker, str) and facts[maker].format
        ]
        inherited = models[0] if models else _Facts()
        makes_model = output(type(chosen)) is Model
        facts[task.id] = (
            _Facts(chosen.produces or inherited.format, chosen.makes_task or inherited.task)
            if makes_model
            else _Facts()
        )


def _check_facts(recipe: Recipe, task: PlannedTask, port: str, known: _Facts, maker: PlannedTask) -> None:
    chosen = task.configured
    takes = chosen.accepts.get(port, ())
    place = recipe.at("steps", task.step, "from", port)
    made_by = f"'{maker.step}' ({maker.plugin})"
    if known.format and takes and known.format not in takes:
        raise BadRequest(
            f"{place}: {task.plugin} takes {' or '.join(takes)} models, but {made_by} makes "
            f"{known.format}; put {task.step} before it, or use another plugin."
        )
    if known.task and chosen.tasks and known.task not in chosen.tasks:
        raise BadRequest(
            f"{place}: {task.plugin} works for {' or '.join(chosen.tasks)}, but {made_by} makes "
            f"a model for {known.task}."
        )
