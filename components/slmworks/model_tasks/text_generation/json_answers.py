"""Answers that are JSON: read strictly, compared as values, checked against a schema."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NoReturn

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.schema_references import reference_problem

NOTHING = object()
"""In place of a value, for text that is no JSON: None is the value of `null`."""
NO_OBJECT = "is no JSON object"
CANNOT_CHECK = "needs jsonschema to be checked: pip install jsonschema"


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
    """True if a value follows a JSON Schema, given as text.

    False for one that can't be compared with it: nested too deeply, or a number past all others. BadRequest
    for a schema that `schema_problem` finds something wrong with.
    """
    if (found := schema_problem(schema)) == CANNOT_CHECK:
        raise BadRequest(f"a row's schema {found}.")
    if not found:
        from jsonschema.exceptions import UnknownType

        try:
            return bool(_checked(schema).validator.is_valid(value))
        except (RecursionError, ArithmeticError):
            return False
        except UnknownType as error:  # draft 3 lets pass any
            found = f"has a type that its draft doesn't know ({error.type!r})"
    raise BadRequest(f"a row's schema {found}; mend it, and write it out in one piece.")


def schema_problem(schema: str) -> str:
    """What is wrong with a JSON Schema, in a few words; empty for a sound one.

    Nothing is fetched: one that refers to what isn't in it isn't sound, nor is one that refers to itself
    without end.
    """
    if find_spec("jsonschema") is None:
        found = parsed(schema)
        return CANNOT_CHECK if isinstance(found, (dict, bool)) else NO_OBJECT
    return _checked(schema).problem


def schema_flaw(schema: str) -> str:
    """As `schema_problem`; empty, too, where nothing here can tell: whoever compares answers says so."""
    found = schema_problem(schema)
    return "" if found == CANNOT_CHECK else found


@dataclass(frozen=True)
class _Checked:
    """A schema that was looked at once: its problem, or what checks answers."""

    problem: str
    validator: Any = None


@lru_cache(maxsize=256)
def _checked(schema: str) -> _Checked:
    """The validator of the schema's own draft, which fetches nothing; or why there is none."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    found = parsed(schema)
    if not isinstance(found, (dict, bool)):
        return _Checked(NO_OBJECT)
    try:
        draft = validator_for(found)
    except (AttributeError, TypeError, ValueError):
        return _Checked("is no JSON Schema (its `$schema` is no address)")
    try:
        draft.check_schema(found)
        problem = reference_problem(found)
    except SchemaError as error:
        return _Checked(f"is no JSON Schema ({' '.join(error.message.split())[:100]})")
    except RecursionError:
        return _Checked("is nested too deeply")
    return _Checked(problem, None if problem else draft(found, registry=Registry()))


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
