"""Formats, model tasks and models' names along a plan, checked before anything runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError
from slmworks.contract.stage import WHEN, output
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.recipe.recipe import Recipe


@dataclass(frozen=True)
class _Facts:
    """Facts about an artifact before it exists; empty means unknown."""

    format: str = ""
    """Of a model."""
    model_task: str = ""
    """Of a model or of data."""


def check_formats(recipe: Recipe, tasks: Mapping[str, PlannedTask]) -> dict[str, PlannedTask]:
    """The tasks with the model task that each works for, as far as it is known.

    BadRequest where a step is given a model that its plugin cannot take.
    """
    facts: dict[str, _Facts] = {}
    found: dict[str, PlannedTask] = {}
    for task in tasks.values():
        for port, makers in task.inputs.items():
            for maker in makers if port != WHEN else ():
                _check_facts(recipe, task, port, facts[maker], tasks[maker])
        _check_purpose(recipe, task, facts, tasks)
        known = [facts[need] for need in _of_its_purpose(task)]
        facts[task.id] = _made(task, known)
        purpose = next((one.model_task for one in known if one.model_task), "")
        found[task.id] = replace(task, model_task=facts[task.id].model_task or purpose)
        _check_options(recipe, found[task.id])
    return found


def _check_options(recipe: Recipe, task: PlannedTask) -> None:
    """BadRequest for an option that doesn't go with the model task, where that is known."""
    if task.model_task:
        try:
            task.configured.check_model_task(task.model_task)
        except OptionError as error:
            place = recipe.at("steps", task.step, "with", *error.where)
            raise BadRequest(f"{place}: {error.problem}") from None


def _of_its_purpose(task: PlannedTask) -> list[str]:
    """Ids of the tasks whose results are for the model task that this one works for."""
    others = task.configured.port_model_tasks
    own = {one for port, ids in task.inputs.items() if port not in others for one in ids}
    return [one for one in task.made_from if one in own]


def _made(task: PlannedTask, known: Sequence[_Facts]) -> _Facts:
    """Facts about a task's result, from its plugin and the facts about its inputs."""
    chosen, made = task.configured, output(type(task.configured))
    if made is Dataset:
        return _Facts(model_task=chosen.made_for())
    if made is not Model:
        return _Facts()
    inherited = next((one for one in known if one.format), _Facts())
    return _Facts(chosen.produces or inherited.format, chosen.made_for() or inherited.model_task)


def _check_facts(recipe: Recipe, task: PlannedTask, port: str, known: _Facts, maker: PlannedTask) -> None:
    chosen = task.configured
    takes = chosen.accepts.get(port, ())
    place = recipe.at("steps", task.step, "from", port)
    made_by = f"'{maker.step}' ({maker.plugin})"
    if known.format and takes and known.format not in takes:
        made = issubclass(output(type(chosen)), Model)
        way = f"put {task.step} before it" if made else f"give it a step that makes {takes[0]} of that"
        raise BadRequest(
            f"{place}: {task.plugin} takes {' or '.join(takes)} models, but {made_by} makes "
            f"{known.format}; {way}, or use another plugin."
        )
    other = chosen.port_model_tasks.get(port)
    if other and known.model_task not in ("", other):
        raise BadRequest(
            f"{place}: {task.plugin} takes what is for {other} there, but {made_by} makes what is for "
            f"{known.model_task}."
        )
    works = chosen.model_tasks if not other else ()
    if known.model_task and works and known.model_task not in works:
        raise BadRequest(
            f"{place}: {task.plugin} works for {' or '.join(works)}, but {made_by} makes "
            f"what is for {known.model_task}{catalog.others_for(task.stage, known.model_task)}."
        )


def _check_purpose(
    recipe: Recipe, task: PlannedTask, facts: Mapping[str, _Facts], tasks: Mapping[str, PlannedTask]
) -> None:
    """BadRequest where a step gets data of another model task than that of its model, or of what it makes."""
    chosen = task.configured
    models = [need for need in _of_its_purpose(task) if facts[need].format and facts[need].model_task]
    if chosen.made_for():
        wanted, whose = chosen.made_for(), f"{task.plugin} makes models for {chosen.made_for()}"
    elif models and chosen.runs_models:
        wanted = facts[models[0]].model_task
        whose = f"'{tasks[models[0]].step}' makes a model for {wanted}"
    else:
        return
    for port, makers in task.inputs.items():
        for maker in makers if port != WHEN and port not in chosen.port_model_tasks else ():
            found = facts[maker].model_task
            if found not in ("", wanted) and not facts[maker].format:
                place = recipe.at("steps", task.step, "from", port)
                raise BadRequest(
                    f"{place}: {whose}, but '{tasks[maker].step}' makes data for {found}; give it data of "
                    "its own model task."
                )


def check_champions(plan: Plan) -> None:
    """BadRequest where a gate compares with the champion of another name than what passes it is given."""
    for gate in (task for task in plan if task.configured.decides):
        later = plan.after(gate.id)
        given = {
            str(task.options.get("name")): task.step
            for task in plan
            if task.id in later and task.configured.registers
        }
        for maker in gate.inputs.get("champion", ()):
            for name in _champions(plan, maker):
                if given and name not in given:
                    wanted, step = next(iter(given.items()))
                    place = plan.recipe.at("steps", gate.step, "from", "champion")
                    raise BadRequest(
                        f"{place}: it is the champion of '{name}', but '{step}' registers '{wanted}'; write "
                        f"models:/{wanted}@champion."
                    )


def _champions(plan: Plan, task_id: str) -> Iterator[str]:
    """Names of the champions among the models that a task is given; a baseline's are not looked at."""
    for maker in plan.tasks[task_id].inputs.get("model", ()):
        for source in plan.tasks[maker].sources.values():
            if source.kind == "registry" and source.version == "champion":
                yield source.location
