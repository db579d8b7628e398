"""`when`: the candidate that each task behind a selection belongs to, found in the plan.

A candidate is a task whose model a report of the selection is about. A task belongs to the nearest one that
it is made from, so a step needs to say only which selection decides.
"""

from collections.abc import Mapping
from dataclasses import replace

from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import WHEN
from slmworks.recipe.plan import PlannedTask
from slmworks.recipe.recipe import Recipe

FEW = 4
"""Candidates that an error names."""


def bind_candidates(recipe: Recipe, tasks: Mapping[str, PlannedTask]) -> dict[str, PlannedTask]:
    """The tasks, each given, beside the selection that it waits for, the candidate whose task it is.

    `tasks`: each after those that it needs. BadRequest for a task that is made from none, or from several of
    which none is made from the others.
    """
    above: dict[str, frozenset[str]] = {}
    found: dict[str, PlannedTask] = {}
    for task in tasks.values():
        makers = task.made_from
        above[task.id] = frozenset(makers).union(*(above[one] for one in makers))
        found[task.id] = task
        for selection in task.inputs.get(WHEN, ()):
            candidate = _candidate(recipe, task, tasks[selection], tasks, above)
            found[task.id] = replace(task, inputs={**task.inputs, WHEN: (selection, candidate)})
    return found


def candidates(selection: PlannedTask, tasks: Mapping[str, PlannedTask]) -> tuple[str, ...]:
    """Ids of the tasks whose models a selection decides about; what others are compared with is none."""
    reports = [tasks[one] for one in selection.made_from]
    beside = {one for report in reports for one in report.inputs.get("baseline", ())}
    models = (report.inputs.get("model", ()) for report in reports if report.id not in beside)
    return tuple(dict.fromkeys(one for some in models for one in some))


def _candidate(
    recipe: Recipe,
    task: PlannedTask,
    selection: PlannedTask,
    tasks: Mapping[str, PlannedTask],
    above: Mapping[str, frozenset[str]],
) -> str:
    known = candidates(selection, tasks)
    mine = [one for one in known if one in above[task.id]]
    nearest = [one for one in mine if not any(one in above[other] for other in mine)]
    if len(nearest) == 1:
        return nearest[0]
    place = recipe.at("steps", task.step, WHEN)
    if nearest:
        raise BadRequest(
            f"{place}: {task.id} is made from several candidates of '{selection.step}' ({_few(nearest)}); "
            "let a step follow one of them, and join them behind it."
        )
    raise BadRequest(
        f"{place}: nothing that {task.id} is made from is a candidate of '{selection.step}' ({_few(known)}); "
        "name one in its `from`, or leave `when` out."
    )


def _few(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:FEW]) + (f", … {len(names)} in all" if len(names) > FEW else "")
