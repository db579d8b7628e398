"""The form of a DAG's trigger: one field for each option that the recipe sets, and one for all others.

Fields are JSON schema. Their values become the recipe's `with` again, and are planned like it.
"""

import json
from collections.abc import Mapping
from typing import Any

from slmworks.contract.catalog import plugin
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.recipe.edited import edited
from slmworks.recipe.plan import Plan, PlannedTask
from slmworks.recipe.recipe import Recipe

OTHERS = "with"
"""The field for options that the recipe doesn't set."""
APPROVE, REJECT, REASON = "Approve", "Reject", "reason"
"""Answers that a reviewer can give, and the field for why."""
RUN = "run"
"""Field of the DAG behind an approval, and key of its event: the run that registered the release."""

_KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "items")


def fields(plan: Plan) -> dict[str, dict[str, Any]]:
    """Field -> its JSON schema with `default`, `title`, `description` and `section`."""
    found: dict[str, dict[str, Any]] = {}
    for task in plan:
        step = plan.recipe.steps[task.step]
        if task.brings or not step.options or _is_settled(task):
            continue
        schema = plugin(task.stage, task.plugin).load().model_json_schema()
        for option, value in step.options.items():
            known = schema["properties"].get(option, {})
            found.setdefault(
                f"{task.step}.{option}",
                {
                    "default": value,
                    "title": option,
                    "description": known.get("description", ""),
                    "section": f"{task.step} ({task.stage} {task.plugin})",
                    **_kind(known, schema.get("$defs", {}), value),
                },
            )
    found[OTHERS] = {
        "default": {},
        "type": "object",
        "title": "Other options",
        "description": 'Options that the recipe leaves at their defaults, by step: {"student": {"seed": 1}}.',
        "section": "others",
        "additionalProperties": {"type": "object"},
    }
    return found


def _is_settled(task: PlannedTask) -> bool:
    """True if its options cannot be changed in a form: register, approve, and the steps behind them."""
    return task.after_approval or task.configured.registers


def filled(plan: Plan, params: Mapping[str, Any]) -> Recipe:
    """The plan's recipe with the options that were changed in the form; the same object if none was.

    The changes are added to its text, which the lineage keeps.
    """
    recipe, settled = plan.recipe, {task.step for task in plan if _is_settled(task)}
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


def _kind(schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any) -> dict[str, Any]:
    """The part of an option's schema that a form can check; the plan checks the rest."""
    options = [_resolved(one, defs) for one in schema.get("anyOf", [schema])]
    types = list(dict.fromkeys(one["type"] for one in options if "type" in one))
    if len(types) != len(options):  # a mixture that has no field of its own
        return {"type": _json_type(value)} if value is not None else {}
    main = next((one for one in options if one["type"] != "null"), options[0])
    kept = {word: main[word] for word in _KEPT if word in main and "$ref" not in json.dumps(main[word])}
    return {**kept, "type": types[0] if len(types) == 1 else types}


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    return {**defs[name], **schema} if name in defs else schema


def _json_type(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]
