"""What a teacher wrote, as conversations; what can't be read has a reason."""

import json
from collections.abc import Mapping
from typing import Any

from slmworks.model_tasks.text_generation import json_answers
from slmworks.teachers.ask import Written
from slmworks_text.conversations.cleaning import repaired
from slmworks_text.conversations.conversation import Conversation, conversation_of
from slmworks_text.conversations.turns import NOT_TEXT, BadConversation

NO_ANSWER = "no answer of the teacher"
CUT_OFF = "cut off"
NOT_JSON = "not a JSON object"
NOT_FOLLOWED = "answer that does not follow its schema"


class Unreadable(Exception):
    """A row that cannot be used; its message is the reason."""


def row_schema(answers: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of an instruction with its output; `answers`: that of the output, empty for text."""
    properties = {"instruction": {"type": "string"}, "output": dict(answers) or {"type": "string"}}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


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
