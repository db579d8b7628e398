"""The JSON Schema of values: their types and keys, nothing of what they say."""

from collections.abc import Mapping, Sequence
from typing import Any

_SIMPLE: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def schema_of(values: Sequence[Any]) -> dict[str, Any]:
    """A JSON Schema that all values follow: types, keys in the order they were first seen, required ones.

    Objects have no further keys. Deliberately no lengths, patterns or enumerations: those of a sample would
    forbid right answers.
    """
    kinds = dict.fromkeys(_kind(value) for value in values)
    if "number" in kinds:
        kinds.pop("integer", None)
    found = [_of_kind(kind, values) for kind in kinds]
    if len(found) == 1:
        return found[0]
    if all(one.keys() == {"type"} for one in found):
        return {"type": [one["type"] for one in found]}
    return {"anyOf": found} if found else {}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else _SIMPLE[type(value)]


def _of_kind(kind: str, values: Sequence[Any]) -> dict[str, Any]:
    if kind == "object":
        return _of_objects([value for value in values if isinstance(value, dict)])
    if kind == "array":
        items = [item for value in values if isinstance(value, list) for item in value]
        return {"type": "array", **({"items": schema_of(items)} if items else {})}
    return {"type": kind}


def _of_objects(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    keys = dict.fromkeys(key for value in values for key in value)
    return {
        "type": "object",
        "properties": {key: schema_of([value[key] for value in values if key in value]) for key in keys},
        "required": [key for key in keys if all(key in value for value in values)],
        "additionalProperties": False,
    }
