"""The JSON schema of recipes: the keys of a step, and the options of every installed plugin."""

from typing import Any

from slmworks.contract.catalog import STAGES, plugins, stage_class
from slmworks.contract.errors import first_line
from slmworks.contract.stage import ports
from slmworks.curate import operators
from slmworks.recipe.choice_schema import choice_schema
from slmworks.recipe.orders_schema import orders_schema
from slmworks.recipe.recipe import CANDIDATES, NAME, ORDERS, SEEDS, WORDS


def recipe_schema() -> dict[str, Any]:
    """A schema (draft 2020-12) for editors. `slmworks check` checks more than a schema can."""
    steps = {f"^{NAME.pattern}$": _step_or_block()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "slmworks recipe",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "steps"],
        "properties": {
            "name": {"type": "string", "pattern": f"^{NAME.pattern}$", "description": "The recipe's name."},
            "description": {"type": "string", "description": "What it makes, for the person who approves."},
            "steps": {
                "type": "object",
                "description": "The steps; a step's name is its stage unless it says `stage`.",
                "minProperties": 1,
                "properties": {stage: _named(stage) for stage in STAGES},
                "patternProperties": steps,
                "additionalProperties": False,
            },
        },
        "$defs": {
            "step": _step(),
            "orders": orders_schema(),
            "candidates": choice_schema(),
            "operator": operators.schema("#/$defs/operator"),
            **{f"with-{s}-{p}": _options(s, p) for s in STAGES for p in plugins(s)},
        },
    }


def _step_or_block() -> dict[str, Any]:
    return {
        "if": {"required": [ORDERS]},
        "then": {"$ref": "#/$defs/orders"},
        "else": {
            "if": {"required": [CANDIDATES]},
            "then": {"$ref": "#/$defs/candidates"},
            "else": {"$ref": "#/$defs/step"},
        },
    }


def _step() -> dict[str, Any]:
    given = {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    seed = {
        "type": "integer",
        "minimum": 0,
        "maximum": SEEDS - 1,
        "description": "Seed of its random choices; default: 0.",
    }
    variant = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"uses": {"type": "string"}, "with": {"type": "object"}, "seed": seed},
    }
    described = {
        "stage": {"enum": list(STAGES), "description": "What kind of step it is; default: the step's name."},
        "uses": {"type": "string", "description": "The plugin; default: the stage's."},
        "with": {"type": "object", "description": "The plugin's options."},
        "from": {
            "type": "object",
            "additionalProperties": given,
            "description": "Port: the step that makes it, or a path or URL.",
        },
        "when": {
            "type": "string",
            "description": "A select step: only tasks whose candidate goes on run.",
        },
        "seed": seed,
        "sweep": {"type": "array", "items": variant, "minItems": 1, "description": "Variants, each a task."},
    }
    return {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {word: described[word] for word in WORDS},
        "allOf": [_when(stage, name) for stage in STAGES for name in plugins(stage)],
    }


def _when(stage: str, name: str) -> dict[str, Any]:
    """Completion of a plugin's options in a step that names stage and plugin."""
    return {
        "if": {
            "properties": {"stage": {"const": stage}, "uses": {"const": name}},
            "required": ["stage", "uses"],
        },
        "then": {"properties": {"with": {"$ref": f"#/$defs/with-{stage}-{name}"}}},
    }


def _named(stage: str) -> dict[str, Any]:
    """Completion in a step that is named like its stage: ports, and the options of its plugin."""
    known = plugins(stage)
    contract = stage_class(stage)
    taken = ports(contract)
    named = {
        "if": {"not": {"required": ["stage"]}},
        "then": {
            "properties": {
                "uses": {"enum": list(known)},
                **({} if any(port.kind is None for port in taken.values()) else {"from": _ports(stage)}),
            },
            "allOf": [
                {
                    "if": _says(name, is_default=name == contract.default),
                    "then": {"properties": {"with": {"$ref": f"#/$defs/with-{stage}-{name}"}}},
                }
                for name in known
            ],
        },
    }
    return {
        "allOf": [{"$ref": "#/$defs/step"}, named],
        "description": first_line(contract.__doc__ or ""),
    }


def _says(name: str, *, is_default: bool) -> dict[str, Any]:
    says: dict[str, Any] = {"properties": {"uses": {"const": name}}}
    if not is_default:
        says["required"] = ["uses"]
    return {"allOf": [says, {"not": {"required": ["sweep"]}}]}


def _ports(stage: str) -> dict[str, Any]:
    given = {"type": ["string", "array"]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(ports(stage_class(stage)), given),
    }


def _options(stage: str, name: str) -> dict[str, Any]:
    here = f"#/$defs/with-{stage}-{name}/$defs/{{model}}"  # a pointer begins at the root of the document
    described = plugins(stage)[name].load().model_json_schema(ref_template=here)
    described.pop("title", None)
    for option in described.get("properties", {}).values():
        option.pop("title", None)
        if option.get("items") == operators.ONE:
            option["items"] = {"$ref": "#/$defs/operator"}
    return {**described, "required": []}
