"""The functions that a row lists as its tools, and whether its calls are calls of them."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from slmworks.model_tasks.text_generation.json_answers import follows, schema_problem
from slmworks_text.conversations.turns import BAD_ARGUMENTS, BAD_TOOLS, UNLISTED, BadConversation, Turn


def refuse_unlisted(tools: str, turns: Iterable[Turn]) -> None:
    """BadConversation for tools without a name or with one twice, and for calls that are none of them.

    `tools`: as JSON text. Arguments are checked where a function's parameters are a sound JSON Schema; what
    several libraries write in its place (`"type": "dict"`) is left alone, and so is a schema with regular
    expressions, which may take time without end.
    """
    known = _functions(tools)
    for number, turn in enumerate(turns, 1):
        for call in turn.calls:
            where = f"turn {number}"
            if call.name not in known:
                raise BadConversation(UNLISTED, f"{where}: '{call.name[:40]}'", plain=where)
            if not _fits(call.arguments, known[call.name]):
                raise BadConversation(BAD_ARGUMENTS, f"{where}: '{call.name[:40]}'", plain=where)


@lru_cache(maxsize=256)
def _functions(tools: str) -> Mapping[str, str]:
    """Name -> parameters as JSON text, empty where they can't be checked."""
    found: dict[str, str] = {}
    for place, tool in enumerate(json.loads(tools), 1):
        inner = tool.get("function", tool)
        if tool.get("type", "function") != "function" and inner is tool and "name" not in tool:
            continue  # one that a provider brings, such as a search of the web
        name = inner.get("name") if isinstance(inner, dict) else None
        if not isinstance(name, str) or not name.strip():
            raise BadConversation(BAD_TOOLS, f"tool {place} has no name")
        if name in found:
            raise BadConversation(BAD_TOOLS, f"tool {place} has the name of another one")
        found[name] = _schema(inner.get("parameters"))
    return found


def _schema(parameters: Any) -> str:
    try:
        if not isinstance(parameters, dict) or _matches(parameters):
            return ""
        written = json.dumps(parameters)
        return "" if schema_problem(written) else written
    except Exception:  # noqa: BLE001 (a row may hold anything, such as {"$schema": 5})
        return ""


def _matches(schema: Any) -> bool:
    """True where a part of it is a regular expression; a property may be called `pattern`."""
    if isinstance(schema, list):
        return any(map(_matches, schema))
    if not isinstance(schema, dict):
        return False
    told = isinstance(schema.get("pattern"), str) or "patternProperties" in schema
    return told or any(map(_matches, schema.values()))


def _fits(arguments: Mapping[str, Any], schema: str) -> bool:
    try:
        return not schema or follows(dict(arguments), schema)
    except Exception:  # noqa: BLE001 (it refers to a schema elsewhere, or to itself without end)
        return True
