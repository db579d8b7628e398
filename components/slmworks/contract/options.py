"""A plugin's options: from a recipe's `with` to a validated, frozen plugin, and back to plain values."""

import json
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from slmworks.contract.documented import Documented, docstrings
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.stage import Stage
from slmworks.contract.synonyms import needless

D = TypeVar("D", bound=Documented)


class OptionError(BadRequest):
    """One option is wrong; `where` is its place below `with`."""

    def __init__(self, where: tuple[str | int, ...], problem: str) -> None:
        """Keep place and problem apart: the recipe adds file and line."""
        self.where = where
        self.problem = problem
        super().__init__(f"{'.'.join(map(str, where)) or 'with'}: {problem}")


def configure(plugin: type[D], name: str, options: Mapping[str, Any]) -> D:
    """The plugin, a stage's or a row operator, with these options. Strict: a number in quotes is text."""
    try:
        return plugin.model_validate_json(json.dumps(dict(options)), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise OptionError(
            tuple(first["loc"][:1]) if first["loc"] else (), _problem(plugin, name, first)
        ) from None


def plain(configured: Stage) -> dict[str, Any]:
    """All options of a plugin, defaults included, as JSON values."""
    return configured.model_dump(mode="json")


def list_hint(error: Any) -> str:
    """How one value is written where a list is wanted, of pydantic's error; empty for other errors.

    >>> list_hint({"type": "tuple_type", "input": "class"})
    '; a list is written in brackets: [class]'
    """
    one = isinstance(error["input"], str | int | float)
    wants = error["type"] in ("list_type", "tuple_type", "set_type", "frozen_set_type")
    return f"; a list is written in brackets: [{str(error['input'])[:60]}]" if wants and one else ""


def _problem(plugin: type[Documented], name: str, error: Any) -> str:
    if error["type"] == "extra_forbidden":
        *above, word = map(str, error["loc"])
        known = _fields(plugin, above[0]) if above else list(plugin.model_fields)
        head = f"{'.'.join([*above[1:], word])}: no such key" if above else f"no such option of {name}"
        return f"{head}. {needless(word, known) or did_you_mean(word, known)}"
    if error["type"] == "missing":
        doc = docstrings(plugin).get(str(error["loc"][0]), "")
        return f"{name} needs this option. {doc}".rstrip()
    deeper = ".".join(str(part) for part in error["loc"][1:])
    message = error["msg"].removeprefix("Value error, ")
    shown = repr(error["input"])
    got = f", got {shown[:60]}" if not isinstance(error["input"], dict) else ""
    said = f"{deeper + ': ' if deeper else ''}{message[0].lower()}{message[1:]}{got}{list_hint(error)}"
    return said if said.endswith("?") else f"{said}."


def _fields(plugin: type[Documented], option: str) -> list[str]:
    """Fields of the model that an option's values are."""
    found: list[Any] = [plugin.model_fields[option].annotation]
    for hint in found:  # grows while it is walked
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            return list(hint.model_fields)
        found += typing.get_args(hint)
    return []
