"""The JSON schema of a step with `candidates:`."""

from typing import Any

from slmworks.recipe.choice_block import CANDIDATE, PART_WORDS, SELECT, SPARED, WORDS
from slmworks.recipe.orders_schema import part_schema
from slmworks.recipe.recipe import CANDIDATES, NAME, SEEDS

SAID = {
    "from": "Port: the step that makes it; each goes to all steps that take it.",
    CANDIDATES: "Candidates by name: a step that makes a model, one a variant of its `sweep`; or the name of "
    "a step that does so elsewhere. `probe` has the options of a shorter training, or of several, by which "
    "weak ones are stopped; `finish` differs from the block's.",
    "select": "What is asked of a candidate, and what may be spent.",
    "finish": "A step at the end of each candidate.",
    "measure": "Options of the reports on quality.",
    "speed": "Options of the reports on speed; false: none.",
    "gate": "Further options and inputs of the gate.",
}
"""Word -> what it is for."""
ASKED: dict[str, dict[str, Any]] = {
    "keep": {"type": "number", "description": "Share of the measure of `of` that must be kept, surely."},
    "of": {"type": "string", "description": "The model that is kept of; default: the block's `teacher`."},
    "p95_ms": {"type": "number", "description": "Most milliseconds of 95 % of requests."},
    "size_mb": {"type": "number", "description": "Most MB on disk."},
    "cpu_ms": {"type": "number", "description": "Most milliseconds of all cores a request."},
    "joules": {"type": "number", "description": "Most joules for 1,000 requests, measured."},
    "budget": {
        "type": "object",
        "additionalProperties": False,
        "required": ["cpu_minutes"],
        "properties": {"cpu_minutes": {"type": "number"}},
        "description": "CPU-minutes for all trainings of candidates with a `probe`.",
    },
    "go_on": {"type": "number", "description": "How many go on at each selection: a number, or a share."},
    "risk": {"type": "number", "description": "Stop only who is truly the best of its size this rarely."},
}


def choice_schema() -> dict[str, Any]:
    """A schema (draft 2020-12) for editors. The planner checks more than a schema can."""
    options = {"type": "object", "minProperties": 1}
    finish = {"oneOf": [{"const": False}, part_schema(PART_WORDS["finish"])]}
    candidate = part_schema([word for word in CANDIDATE if word not in ("seed", "probe", "finish")])
    candidate["properties"] |= {
        "seed": {"type": "integer", "minimum": 0, "maximum": SEEDS - 1},
        "probe": {"oneOf": [options, {"type": "array", "items": options, "minItems": 1}]},
        "finish": finish,
    }
    described: dict[str, dict[str, Any]] = {
        "from": {"type": "object", "additionalProperties": {"type": ["string", "array"]}},
        CANDIDATES: {
            "type": "object",
            "minProperties": 1,
            "patternProperties": {f"^{NAME.pattern}$": {"oneOf": [{"type": "string"}, candidate]}},
            "additionalProperties": False,
        },
        "select": {
            "type": "object",
            "additionalProperties": False,
            "properties": {word: ASKED[word] for word in SELECT},
        },
        **{
            word: {"oneOf": [{"const": False}, part_schema(known)]} if word in SPARED else part_schema(known)
            for word, known in PART_WORDS.items()
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["from", CANDIDATES],
        "properties": {word: {"description": SAID[word], **described[word]} for word in WORDS},
    }
