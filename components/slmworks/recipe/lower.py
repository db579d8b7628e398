"""Recipe -> Plan: flat tasks and edges, sweeps expanded, everything that can be checked checked.

Lowered once; each engine is a short loop over the result. Reads local files (to know that they are
there), imports plugins in their light form, starts nothing and writes nothing.
"""

import graphlib
from collections.abc import Mapping

from slmworks.contract.errors import BadRequest
from slmworks.recipe.blocks import written_out
from slmworks.recipe.compatibility import check_champions, check_formats
from slmworks.recipe.gathered import Gathered
from slmworks.recipe.names import with_names
from slmworks.recipe.origins import check_origins
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.recipe.recipe import Recipe
from slmworks.recipe.selection import bind_candidates
from slmworks.recipe.step import Draft, Maker

__all__ = ["Plan", "PlannedTask", "plan"]


def plan(recipe: Recipe, *, look: bool = True) -> Plan:
    """Lower a recipe. BadRequest names file, line and the way out.

    Without `look` local files need not exist yet: the task that fetches them reports missing ones.
    """
    recipe = written_out(recipe)
    steps = {name: Draft(recipe, name, step, look=look) for name, step in recipe.steps.items()}
    gathered = {name: Gathered(name, members, steps) for name, members in recipe.gathered.items()}
    drafts: dict[str, Maker] = {**steps, **gathered}
    for draft in steps.values():
        draft.connect(drafts)
    tasks: dict[str, PlannedTask] = {}
    made: dict[str, list[PlannedTask]] = {}
    for name in _sorted(recipe, drafts):
        if name in gathered:
            made[name] = gathered[name].tasks(made)
            continue
        expanded = steps[name].expand(made)
        made[name] = [task for task in expanded if task.id not in steps[name].fetched]
        for task in expanded:
            if task.id in tasks:
                raise BadRequest(
                    f"{recipe.at('steps', name)}: two tasks would be called '{task.id}'; rename the step."
                )
            tasks[task.id] = task
    lowered = Plan(recipe, check_formats(recipe, with_names(bind_candidates(recipe, tasks))))
    check_champions(lowered)
    if look:
        check_origins(lowered)
    return lowered


def _sorted(recipe: Recipe, drafts: Mapping[str, Maker]) -> list[str]:
    graph = {
        name: {step for steps in draft.edges.values() for step in steps} for name, draft in drafts.items()
    }
    try:
        return list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        circle = list(reversed(error.args[1]))
        raise BadRequest(
            f"{recipe.at('steps', circle[1], 'from')}: the steps go round in a circle: "
            f"{' → '.join(circle)}; cut it."
        ) from None
