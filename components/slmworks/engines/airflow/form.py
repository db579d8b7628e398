"""The form of a DAG's trigger: one field for each option that the recipe sets, and one for all others.

Fields are JSON schema. Their values become the recipe's `with` again, and are planned like it.
"""

from collections.abc import Mapping
from typing import Any

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.engines.form import OTHER_OPTIONS, is_settled, option_fields
from slmworks.recipe.edited import edited
from slmworks.recipe.plan import Plan
from slmworks.recipe.recipe import Recipe

OTHERS = "with"
"""The field for options that the recipe doesn't set."""
APPROVE, REJECT, REASON = "Approve", "Reject", "reason"
"""Answers that a reviewer can give, and the field for why."""
RUN = "run"
"""Field of the DAG behind an approval, and key of its event: the run that registered the release."""


def fields(plan: Plan) -> dict[str, dict[str, Any]]:
    """Field -> its JSON schema with `default`, `title`, `description` and `section`."""
    of_recipe = {f"{step}.{option}": said for (step, option), said in option_fields(plan).items()}
    return {**of_recipe, OTHERS: dict(OTHER_OPTIONS)}


def filled(plan: Plan, params: Mapping[str, Any]) -> Recipe:
    """The plan's recipe with the options that were changed in the form; the same object if none was.

    The changes are added to its text, which the lineage keeps.
    """
    recipe, settled = plan.recipe, {task.step for task in plan if is_settled(task)}
    changes = _changes(recipe, params)
    for name in settled & set(changes):
        raise BadRequest(
            f"{name}: what is registered, who approves and what follows is the recipe's to say, not a run's."
        )
    return edited(plan, changes, "Changed in the form of this run:")


def _changes(recipe: Recipe, params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    known = [f"{name}.{option}" for name, step in recipe.steps.items() for option in step.options]
    for field in params:
        if field not in known and field not in (OTHERS, RUN):
            way_out = f'Options that the recipe leaves at their defaults go into "{OTHERS}".'
            raise BadRequest(f"{field}: the form has no such field. {did_you_mean(field, known)} {way_out}")
    found: dict[str, dict[str, Any]] = {}
    for name, step in recipe.steps.items():
        for option, value in step.options.items():
            given = params.get(f"{name}.{option}", value)
            if given != value:
                found.setdefault(name, {})[option] = given
    others = params.get(OTHERS) or {}
    if not isinstance(others, Mapping):
        raise BadRequest(f'{OTHERS}: must be options by step, such as {{"student": {{"seed": 1}}}}.')
    for name, options in others.items():
        if name not in recipe.steps:
            raise BadRequest(f"{OTHERS}.{name}: no such step. {did_you_mean(name, recipe.steps)}")
        if not isinstance(options, Mapping):
            raise BadRequest(f"{OTHERS}.{name}: must be a mapping of options.")
        found.setdefault(name, {}).update(options)
    return found
