"""The fields of a run's form: one for each option that a recipe sets, as JSON schema.

Airflow shows them when a DAG is triggered, Kubeflow as the inputs of a pipeline.
"""

import json
from collections.abc import Mapping
from typing import Any

from slmworks.contract.catalog import plugin
from slmworks.recipe.plan import Plan, PlannedTask

OTHER_OPTIONS = {
    "default": {},
    "type": "object",
    "title": "Other options",
    "description": 'Options that the recipe leaves at their defaults, by step: {"student": {"seed": 1}}.',
    "section": "others",
    "additionalProperties": {"type": "object"},
}
"""The field for options that the recipe doesn't set."""

_KEPT = ("type", "enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "items")


def option_fields(plan: Plan) -> dict[tuple[str, str], dict[str, Any]]:
    """Step and option -> JSON schema with `default`, `title`, `description` and `section`."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for task in plan:
        step = plan.recipe.steps[task.step]
        if task.brings or not step.options or is_settled(task):
            continue
        schema = plugin(task.stage, task.plugin).load().model_json_schema()
        for option, value in step.options.items():
            known = schema["properties"].get(option, {})
            found.setdefault(
                (task.step, option),
                {
                    "default": value,
                    "title": option,
                    "description": known.get("description", ""),
                    "section": f"{task.step} ({task.stage} {task.plugin})",
                    **kind_of(known, schema.get("$defs", {}), value),
                },
            )
    return found


def is_settled(task: PlannedTask) -> bool:
    """True if its options cannot be changed in a form: register, approve, and the steps behind them."""
    return task.after_approval or task.configured.registers


def kind_of(schema: Mapping[str, Any], defs: Mapping[str, Any], value: Any) -> dict[str, Any]:
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
