"""Messages as files have them (OpenAI's, ShareGPT's) as turns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks_text.conversations.turns import (
    BAD_TOOLS,
    NOT_JSON,
    NOT_TEXT,
    UNKNOWN_ROLE,
    BadConversation,
    Call,
    Turn,
)

ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip
"""Roles of `messages`; `developer` is a later word for system, `function` an earlier one for tool."""
SPEAKERS = {
    "system": "system", "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "chatgpt": "assistant", "bing": "assistant", "bard": "assistant", "model": "assistant",
    "function_call": "assistant", "tool_call": "assistant",
    "observation": "tool", "tool": "tool", "function_response": "tool", "tool_response": "tool",
}  # fmt: skip
"""Roles of ShareGPT's `from`."""
CALLERS = ("function_call", "tool_call")
"""Those of them whose value is a call as JSON."""


def turns_of(value: Any) -> list[Turn]:
    """Turns of a list of `{role, content}` or of `{from, value}`; BadConversation for anything else."""
    value = parsed(value)
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise BadConversation(NOT_TEXT, "the messages are no list")
    return [_turn(message, number) for number, message in enumerate(value, 1)]


def strict_json(text: str) -> Any:
    """The value of a JSON text; ValueError for other text, and for NaN and infinities, which are no JSON."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def parsed(value: Any) -> Any:
    """A list or object; where a cell holds it as JSON text (csv), what that says."""
    if isinstance(value, str) and value.strip()[:1] in ("[", "{"):
        try:
            return strict_json(value)
        except (ValueError, RecursionError):
            return value
    return value


def calls_of(value: Any, number: int) -> list[Call]:
    """Calls in any of their forms: one or several, with or without `function` around name and arguments."""
    try:
        value = strict_json(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        raise BadConversation(NOT_JSON, f"turn {number}") from None
    several = [value] if isinstance(value, Mapping) else value
    if not isinstance(several, Sequence) or isinstance(several, str) or not several:
        raise BadConversation(NOT_JSON, f"turn {number}: neither a call nor a list of calls")
    return [_call(one, number) for one in several]


def tools_of(value: Any) -> str:
    """Schemas of functions as JSON text, empty for none; BadConversation for other than a list of objects."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    found = parsed(value)
    if not isinstance(found, list) or not all(isinstance(tool, dict) and tool for tool in found):
        raise BadConversation(BAD_TOOLS, f"found {str(value)[:40]!r}", plain="")
    try:
        return json.dumps(found, ensure_ascii=False, allow_nan=False) if found else ""
    except (TypeError, ValueError, RecursionError):
        raise BadConversation(BAD_TOOLS, "what they hold is no JSON") from None


def text_of(content: Any, number: int) -> str:
    """The text of a content: a string, or parts that all are text; None is empty."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise BadConversation(NOT_TEXT, f"turn {number} holds {type(content).__name__}")
    return "".join(_part(part, number) for part in content)


def _turn(message: Any, number: int) -> Turn:
    if not isinstance(message, Mapping):
        raise BadConversation(NOT_TEXT, f"turn {number} is no object with a role")
    shared = message.get("role") is None and message.get("from") is not None
    said = message.get("from" if shared else "role")
    role = (SPEAKERS if shared else ROLES).get(said) if isinstance(said, str) else None
    if role is None:
        raise BadConversation(UNKNOWN_ROLE, f"turn {number}, {str(said)[:40]!r}", plain=f"turn {number}")
    content = message.get("value" if shared else "content")
    if shared and said in CALLERS:
        return Turn(role, "", calls_of(content, number))
    calls = _calls(message, number) if role == "assistant" else []
    return Turn(role, text_of(content, number), calls, str(message.get("tool_call_id") or ""))


def _calls(message: Mapping[str, Any], number: int) -> list[Call]:
    for key in ("tool_calls", "function_call"):
        if found := message.get(key):
            return calls_of(found, number)
    return []


def _call(value: Any, number: int) -> Call:
    inner = value.get("function", value) if isinstance(value, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(name, str) or not name:
        raise BadConversation(NOT_JSON, f"turn {number}: a call without a name")
    arguments = inner.get("arguments", inner.get("parameters"))
    if isinstance(arguments, str):
        try:
            arguments = strict_json(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError):
            raise BadConversation(NOT_JSON, f"turn {number}: the arguments of '{name[:40]}'") from None
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, Mapping):
        raise BadConversation(NOT_JSON, f"turn {number}: the arguments of '{name[:40]}' are no object")
    try:
        json.dumps(arguments, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise BadConversation(NOT_JSON, f"turn {number}: the arguments of '{name[:40]}'") from None
    return Call(name, arguments, str(value.get("id") or ""))


def _part(part: Any, number: int) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    text = part.get("text", part.get("value")) if isinstance(part, Mapping) and kind == "text" else None
    if not isinstance(text, str):
        why = f"turn {number} holds a part"
        raise BadConversation(NOT_TEXT, f"{why} '{str(kind)[:40]}'", plain=f"{why} that is no text")
    return text


def without_nulls(value: Any) -> Any:
    """A value whose objects have no key that is null: Parquet gives each object the keys of all."""
    if isinstance(value, Mapping):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [without_nulls(inner) for inner in value]
    return value
