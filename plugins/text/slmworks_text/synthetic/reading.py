"""What a teacher wrote, as conversations; what can't be read has a reason."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation import json_answers
from slmworks.teachers.ask import Written
from slmworks_text.conversations.cleaning import repaired
from slmworks_text.conversations.conversation import Conversation, conversation_of
from slmworks_text.conversations.turns import NOT_TEXT, BadConversation

NO_ANSWER = "no answer of the teacher"
CUT_OFF = "cut off"
NOT_JSON = "not a JSON object"
NOT_FOLLOWED = "answer that does not follow its schema"


VALUES = ("const", "enum", "default", "examples")
"""Keywords that hold values, not schemas."""
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
"""Keywords that hold schemas by names, which are no keywords."""
UNMOVED = ("$dynamicRef", "$recursiveRef")
"""References to whatever a schema is a part of."""
OTHERWISE = "give row_schema, or `grammar: none`."


class Unreadable(Exception):
    """A row that cannot be used; its message is the reason."""


def row_schema(answers: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of an instruction with its output; `answers`: that of the output, empty for text.

    BadRequest for one that means something else as a part of another.
    """
    output = dict(answers) if answers.get("$id") else _below("#/properties/output", answers)
    properties = {"instruction": {"type": "string"}, "output": output or {"type": "string"}}
    found = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    if problem := json_answers.schema_flaw(json.dumps(found)):
        raise BadRequest(f"json_schema: as a part of a row's schema it {problem}; {OTHERWISE}")
    if word := next((word for word in _keywords(answers) if word in UNMOVED), ""):
        raise BadRequest(f"json_schema: with `{word}` it can't be a part of a row's schema; {OTHERWISE}")
    return found


def _keywords(schema: Any, *, named: bool = False) -> Iterator[str]:
    for name, one, names in _parts(schema, named=named):
        if name and not named:
            yield name
        yield from _keywords(one, named=names)


def _below(place: str, schema: Any, *, named: bool = False) -> Any:
    """A schema as a part of another one, in which its references to itself begin at `place`."""
    if isinstance(schema, list):
        return [_below(place, one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    moved = {name: _below(place, one, named=names) for name, one, names in _parts(schema, named=named)}
    found = {**schema, **moved}
    led = schema.get("$ref")
    if not named and isinstance(led, str) and (led == "#" or led.startswith("#/")):
        found["$ref"] = place + led[1:]
    return found


def _parts(schema: Any, *, named: bool) -> Iterable[tuple[Any, Any, bool]]:
    """Schemas in a schema: keyword, what it holds, and whether that is schemas by names of people's own.

    `named`: so is this one.
    """
    if isinstance(schema, list):
        return [(None, one, False) for one in schema]
    if not isinstance(schema, Mapping):
        return ()
    return [
        (name, one, name in NAMED and not named)
        for name, one in schema.items()
        if named or name not in VALUES
    ]


def conversation_in(written: Written | None, system: str, answers: str) -> Conversation:
    """The row that a teacher wrote; Unreadable with the reason.

    It is an object with the parts of a shape that `curate/chat` knows. `answers`: the JSON Schema, as text,
    that its answer follows; empty for none.
    """
    if written is None:
        raise Unreadable(NO_ANSWER)
    said = json_answers.parsed(written.text)
    if not isinstance(said, dict):
        raise Unreadable(CUT_OFF if written.finish == "length" else NOT_JSON)
    parts = {name: _cell(name, value) for name, value in said.items()}
    try:
        _, found = conversation_of({**parts, "schema": answers}, None, unlabelled=False, unanswered="cut")
    except BadConversation as error:
        raise Unreadable(error.reason) from None
    found = found.with_system(system).each(repaired)
    if answers and not json_answers.follows(json_answers.parsed(found.completion or ""), answers):
        raise Unreadable(NOT_FOLLOWED)
    try:
        (found.packed() + (found.completion or "")).encode()
    except UnicodeEncodeError:
        raise Unreadable(NOT_TEXT) from None  # half of a surrogate pair
    return found


def _cell(name: str, value: Any) -> Any:
    """An answer that is JSON as the text that a row holds; the rest as it is."""
    structured = name in ("output", "completion") and isinstance(value, (dict, list))
    return json.dumps(value, ensure_ascii=False) if structured else value
