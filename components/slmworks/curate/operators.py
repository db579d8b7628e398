"""The installed row operators, and those that a recipe chooses: `operators: [normalise, {quality: {…}}]`."""

import contextlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from slmworks.contract import catalog
from slmworks.contract.catalog import BrokenPlugin, Offered
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.options import OptionError, configure
from slmworks.curate.operator import RowOperator

FIELD = "operators"
ONE: dict[str, Any] = {"$comment": "row operator"}
"""Stands in the schema of a plugin's options for `schema`, which is large and the same for all."""


@dataclass(frozen=True)
class Chosen:
    """A row operator with its options."""

    name: str
    operator: RowOperator


def offered() -> dict[str, Offered]:
    """Name -> installed row operator; nothing is imported."""
    return catalog.row_operators()


def operator_class(name: str) -> type[RowOperator]:
    """A row operator by its name; BadRequest offers the nearest, BrokenPlugin names its distribution."""
    known = offered()
    if name not in known:
        raise BadRequest(f"no such row operator '{name}'. {did_you_mean(name, known)}")
    one = known[name]
    try:
        found = one.load()
    except Exception as error:  # noqa: BLE001 (a stranger's module may raise anything)
        raise BrokenPlugin(
            f"row operator '{name}' cannot be imported from {one.distribution}: {error}\n"
            f"{traceback.format_exc().rstrip()}\n"
            f"Install it again: pip install --force-reinstall {one.distribution}"
        ) from None
    if not (isinstance(found, type) and issubclass(found, RowOperator)):
        raise BrokenPlugin(
            f"row operator '{name}' of {one.distribution} is no RowOperator; its class must derive from "
            "slmworks.curate.operator.RowOperator."
        )
    if found.__abstractmethods__:
        raise BrokenPlugin(f"row operator '{name}' of {one.distribution}: needs an apply(self, row).")
    return found


def chosen(value: Any) -> tuple[Chosen, ...]:
    """The operators of an option's value, in its order; OptionError names the entry."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise OptionError(
            (FIELD,),
            f"expected a list, such as [normalise, {{length: {{min_words: 3}}}}], got {value!r:.60}.",
        )
    return tuple(_one(number, entry) for number, entry in enumerate(value))


def _one(number: int, entry: Any) -> Chosen:
    if isinstance(entry, Chosen):
        return entry
    if isinstance(entry, str):
        entry = {entry: {}}
    if not (isinstance(entry, Mapping) and len(entry) == 1 and isinstance(next(iter(entry)), str)):
        raise OptionError(
            (FIELD, number),
            f"expected a row operator, NAME or {{NAME: {{OPTION: VALUE}}}}, got {entry!r:.60}.",
        )
    ((name, options),) = entry.items()
    if not isinstance(options, Mapping | None):
        raise OptionError(
            (FIELD, number, name), f"expected options, {{{name}: {{OPTION: VALUE}}}}, got {options!r:.60}."
        )
    try:
        return Chosen(name, configure(operator_class(name), name, options or {}))
    except OptionError as error:
        raise OptionError((FIELD, number, name, *error.where), error.problem) from None
    except BrokenPlugin:
        raise
    except BadRequest as error:
        raise OptionError((FIELD, number), str(error)) from None


def plain(operators: Sequence[Chosen]) -> list[dict[str, Any]]:
    """The operators with all their options, as JSON values."""
    return [{one.name: one.operator.model_dump(mode="json")} for one in operators]


def schema(home: str) -> dict[str, Any]:
    """The JSON schema of one entry of the list; `home`: where that schema will be (`#/$defs/operator`)."""
    known: dict[str, Any] = {}
    for name in offered():
        place = f"{home}/anyOf/0/properties/{name}/$defs/{{model}}"
        known[name] = {"type": "object"}
        with contextlib.suppress(BrokenPlugin):
            known[name] = operator_class(name).model_json_schema(ref_template=place)
    one = {"type": "object", "additionalProperties": False, "minProperties": 1, "maxProperties": 1}
    return {"anyOf": [{**one, "properties": known}, {"enum": list(known)}]}


class _Listed:
    """How pydantic reads, writes and describes a list of row operators."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            chosen, serialization=core_schema.plain_serializer_function_ser_schema(plain)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "array", "items": ONE}


Operators = Annotated[tuple[Chosen, ...], _Listed]
"""Row operators in the order in which a row passes them."""
