"""Answers that are JSON: read strictly, compared as values, checked against a schema."""

import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NoReturn

from slmworks.contract.errors import BadRequest

NOTHING = object()
"""In place of a value, for text that is no JSON: None is the value of `null`."""


def parsed(text: str) -> Any:
    """The value of a JSON text (RFC 8259; no NaN, no name twice in an object), or NOTHING."""
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NOTHING


def structured(value: Any) -> bool:
    """True for an object or a list: `7` or `true` may as well be meant as text."""
    return isinstance(value, (dict, list))


def same(one: Any, other: Any) -> bool:
    """True for equal values: 1 is 1.0, and is not true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def follows(value: Any, schema: str) -> bool:
    """True if a value follows a JSON Schema, as text, that `schema_problem` finds nothing wrong with.

    BadRequest for a schema that refers to another one elsewhere: nothing is fetched.
    """
    from referencing.exceptions import Unresolvable

    try:
        return bool(_validator(schema).is_valid(value))
    except Unresolvable as error:
        raise BadRequest(
            f"a row's schema refers to {error.ref!r}, which is not in it; write the schema out in one piece."
        ) from error


def schema_problem(schema: str) -> str:
    """What is wrong with a JSON Schema, in a few words; empty for a sound one."""
    found = parsed(schema)
    if not isinstance(found, (dict, bool)):
        return "is no JSON object"
    if find_spec("jsonschema") is None:
        return "needs jsonschema to be checked: pip install jsonschema"
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        validator_for(found).check_schema(found)
    except SchemaError as error:
        return f"is no JSON Schema ({' '.join(error.message.split())[:100]})"
    return ""


@lru_cache(maxsize=64)
def _validator(schema: str) -> Any:
    """The validator of the schema's own draft. It fetches nothing."""
    from jsonschema.validators import validator_for
    from referencing import Registry

    found = json.loads(schema)
    return validator_for(found)(found, registry=Registry())


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
