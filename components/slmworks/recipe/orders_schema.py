"""The JSON schema of a step with `orders:`."""

from collections.abc import Sequence
from typing import Any

from slmworks.contract.catalog import STAGES
from slmworks.recipe.orders_block import PART_WORDS, WORDS
from slmworks.recipe.parts import STEP
from slmworks.recipe.recipe import NAME, ORDERS

SAID = {
    "from": "Port: the step that makes it. `model` is where every order begins.",
    ORDERS: "Operations by name, each a step without `from`; every order of every subset is tried.",
    "only": "Orders that are tried, where not all are.",
    "heal": "A step behind each operation, which trains the model again.",
    "probe": "Options of a shorter healing; only what is selected by it is healed in full.",
    "measure": "The report that is selected by; default: quality on validation.",
    "select": "A step that lets some candidates go on.",
    "finish": "A step at the end of each order.",
}
"""Word -> what it is for."""


def orders_schema() -> dict[str, Any]:
    """A schema (draft 2020-12) for editors. The planner checks more than a schema can."""
    parts = {word: part_schema(known) for word, known in PART_WORDS.items()}
    described: dict[str, dict[str, Any]] = {
        "from": {
            "type": "object",
            "required": ["model"],
            "properties": {"model": {"type": "string"}},
            "additionalProperties": {"type": ["string", "array"]},
        },
        ORDERS: {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {f"^{NAME.pattern}$": part_schema(STEP)},
            "additionalProperties": False,
        },
        "only": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        },
        **parts,
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["from", ORDERS],
        "properties": {word: {"description": SAID[word], **described[word]} for word in WORDS},
    }


def part_schema(known: Sequence[str]) -> dict[str, Any]:
    """The schema of a part with these words."""
    words: dict[str, dict[str, Any]] = {
        "stage": {"enum": list(STAGES)},
        "uses": {"type": "string"},
        "with": {"type": "object"},
        "from": {"type": "object"},
        "sweep": {"type": "array", "items": {"type": "object"}, "minItems": 1},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {word: words[word] for word in known},
    }
