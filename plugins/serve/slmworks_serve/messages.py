"""Requests and replies of one model task over HTTP: bodies to rows, answers to JSON.

One text: `{"text": …}` or `{"texts": […]}`, by the name of the input. Other inputs: one object of them, or
`{"rows": [{…}]}`. A dialect's body is the dialect's own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator, ConfigDict, FailFast, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Dialect, ModelTask, Row, input_types, only_text
from slmworks.contract.runtime import length
from slmworks_serve.limits import Limits, Refused
from slmworks_serve.model import Served


@dataclass(frozen=True, slots=True)
class Asked:
    """The rows of one request, and how their answers become its reply."""

    rows: list[Row]
    reply: Callable[[Sequence[Answer], Served], Mapping[str, Any]]


class Reader(Protocol):
    """Reads the bodies of one route."""

    way_out: str
    """What to send instead of what cannot be read."""

    def read(self, body: bytes, limits: Limits) -> Asked:
        """Read a request's body; Refused with one line for the first thing that is wrong."""


class RowsReader:
    """Reads the bodies of a model task's own route: one row or several."""

    def __init__(self, task: ModelTask) -> None:
        types, text = input_types(task), only_text(task)
        self.one, self.many = (text, f"{text}s") if text else ("row", "rows")
        """A row's name, and that of several."""
        self._inputs, self._text = tuple(types), bool(text)
        several = str if text else _object("Row", {name: (kind, "") for name, kind in types.items()})
        fields = {name: (kind | None, f"One row's {name}.") for name, kind in types.items()}
        fields[self.many] = (Annotated[list[several] | None, FailFast()], f"Several {self.many}.")  # type: ignore[valid-type]
        self.adapter: TypeAdapter[dict[str, Any]] = TypeAdapter(_object("Question", fields, total=False))
        self.way_out = self._way_out()
        self._either = f"give either {' and '.join(map(repr, types))} or '{self.many}'. {self.way_out}"

    def read(self, body: bytes, limits: Limits) -> Asked:
        """Read a request's body; Refused with one line for the first thing that is wrong."""
        try:
            found = self.adapter.validate_json(body)
        except ValidationError as error:
            raise _refused(error, self.way_out) from None
        several = found.pop(self.many, None)
        given = {name: value for name, value in found.items() if value is not None}
        if len(given) != (len(self._inputs) if several is None else 0):
            raise Refused(422, self._either)
        if several is None:
            return Asked(within(limits, [given], self.one), reply_one)
        (name, *_) = self._inputs
        rows = [{name: text} for text in several] if self._text else several
        return Asked(within(limits, rows, self.one), reply_many)

    def _way_out(self) -> str:
        row = ", ".join(f'"{name}": "…"' for name in self._inputs)
        several = '"…", "…"' if self._text else f"{{{row}}}, …"
        return f'Send {{{row}}} or {{"{self.many}": [{several}]}} with content-type: application/json.'

    def narrow(self, schema: dict[str, Any], limits: Limits) -> None:
        """Add to a body's schema what its types don't say: one row or several, never both, and the limits."""
        given, absent = {"not": {"type": "null"}}, {"type": "null"}
        one = dict.fromkeys(self._inputs, given) | {self.many: absent}
        several = dict.fromkeys(self._inputs, absent) | {self.many: given}
        schema["oneOf"] = [
            {"required": list(self._inputs), "properties": one},
            {"required": [self.many], "properties": several},
        ]
        for choices in (known["anyOf"] for known in schema["properties"].values() if "anyOf" in known):
            for part in (*choices, *(choice["items"] for choice in choices if "items" in choice)):
                if part.get("type") == "string":
                    part["maxLength"] = limits.max_characters
        next(choice for choice in schema["properties"][self.many]["anyOf"] if choice.get("type") == "array")[
            "maxItems"
        ] = limits.max_texts

    def example(self, row: Row) -> dict[str, Any]:
        """A body that asks for one row."""
        return {name: row[name] for name in self._inputs}

    def examples(self, row: Row) -> dict[str, Any]:
        """A body that asks for several rows."""
        (name, *_) = self._inputs
        return {self.many: [row[name], "…"] if self._text else [self.example(row)]}


class DialectReader:
    """Reads the bodies of a route in the form of an API that people know."""

    def __init__(self, dialect: Dialect, noun: str) -> None:
        """`noun`: what a row is called."""
        self.dialect, self._noun = dialect, noun
        self.way_out = "Send content-type: application/json; /openapi.json describes the body."

    def read(self, body: bytes, limits: Limits) -> Asked:
        """Read a request's body; Refused with one line for the first thing that is wrong."""
        try:
            asked = self.dialect.request.model_validate_json(body)
        except ValidationError as error:
            raise _refused(error, self.way_out) from None
        try:
            rows = self.dialect.rows(asked)
        except (BadRequest, ValueError) as error:
            raise Refused(422, " ".join(str(error).split())) from None
        return Asked(within(limits, rows, self._noun), partial(self._reply, asked))

    def _reply(self, asked: Any, answers: Sequence[Answer], served: Served) -> Mapping[str, Any]:
        return self.dialect.reply(asked, answers, served.name)


def reply_one(answers: Sequence[Answer], served: Served) -> Mapping[str, Any]:
    """The answer to one row, and who gave it."""
    return {**answers[0], "model": served.name, "version": served.version}


def reply_many(answers: Sequence[Answer], served: Served) -> Mapping[str, Any]:
    """The answers to several rows, in order, and who gave them."""
    return {"model": served.name, "version": served.version, "answers": answers}


def within(limits: Limits, rows: list[Row], noun: str) -> list[Row]:
    """The rows; Refused where they are too many, or one is too long."""
    if len(rows) > limits.max_texts:
        raise Refused(422, f"{len(rows)} {noun}s, at most {limits.max_texts} in one request.")
    longest = max(map(length, rows), default=0)
    if longest > limits.max_characters:
        raise Refused(422, f"a {noun} of {longest} characters; at most {limits.max_characters} are taken.")
    return rows


def _object(title: str, fields: Mapping[str, tuple[Any, str]], *, total: bool = True) -> Any:
    """An object of these fields (type, description) and no others, as a type for pydantic."""
    known = {name: Annotated[kind, Field(description=text or None)] for name, (kind, text) in fields.items()}
    found: Any = TypedDict(title, known, total=total)  # type: ignore[misc]
    found.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]

    def nothing_unknown(given: Any) -> Any:
        # Before pydantic does: it would collect an error for each key, and a body has room for 100,000.
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                raise ValueError(f"{key[:80]}: Extra inputs are not permitted")
        return given

    return Annotated[found, BeforeValidator(nothing_unknown)]


def _refused(error: ValidationError, way_out: str) -> Refused:
    first: Any = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Refused(400, f"the body is not JSON ({first['ctx']['error']}). {way_out}")
    place = ".".join(str(part) for part in first["loc"])[:80]
    what = str(first["msg"]).removeprefix("Value error, ")
    return Refused(422, f"{place + ': ' if place else ''}{what}. {way_out}")
