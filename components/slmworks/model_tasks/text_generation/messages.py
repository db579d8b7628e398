"""Conversations: which roles may follow which, and the two special first messages."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

PROMPT = "prompt"
TOOLS = "tools"
SYSTEM = "system"
ANSWERED = ("user", "tool")
"""Roles of a conversation's last message: the model answers it."""
BEHIND: Mapping[str, tuple[str, ...]] = {
    "": ("user",),
    "user": ("assistant",),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
"""Role -> the roles that may follow; "" is the beginning."""

Message = Mapping[str, Any]


def listed(found: Any) -> list[Any] | None:
    """A row's messages, which MLflow gives as an array; empty for none at all, None for what is no list."""
    if found is None:
        return []
    return None if isinstance(found, (str, Mapping)) or not hasattr(found, "__iter__") else list(found)


def raw_text(messages: Sequence[Message]) -> str | None:
    """The text that is continued without a chat template; None for a conversation."""
    alone = len(messages) == 1 and messages[0]["role"] == PROMPT
    return str(messages[0]["content"]) if alone else None


def split_tools(messages: Sequence[Message]) -> tuple[list[Any] | None, list[Message]]:
    """The function schemas of a first message `tools` (None without one), and the messages behind it."""
    if messages and messages[0]["role"] == TOOLS:
        return list(json.loads(messages[0]["content"])), list(messages[1:])
    return None, list(messages)


def conversation(messages: Sequence[Message]) -> str:
    """What is said in a conversation, without instructions and tools, which are the same in many."""
    return "\n".join(str(one["content"]) for one in messages if one["role"] not in (SYSTEM, TOOLS))


def asked_at(messages: Sequence[Message]) -> int:
    """The place of a sound conversation's last question, or of its raw text."""
    return max(at for at, one in enumerate(messages) if one["role"] in ("user", PROMPT))


def problem(messages: Sequence[Message] | None) -> str:
    """What is wrong with a conversation and how to mend it, in a line; empty for a sound one."""
    if not messages:
        return "there are no messages; give one with the role 'user' at least"
    for number, message in enumerate(messages, 1):
        said = message if isinstance(message, Mapping) else {}
        if not all(isinstance(said.get(key), str) for key in ("role", "content")):
            return f"message {number} has no role or no content; give both as text"
    if raw_text(messages) is not None:
        return ""
    return _tools_problem(messages[0]) or _order_problem(messages)


def _tools_problem(first: Message) -> str:
    """The line about a first message `tools` that is no list of objects."""
    if first["role"] != TOOLS:
        return ""
    try:
        found = json.loads(first["content"])
    except (ValueError, RecursionError):
        found = None
    sound = isinstance(found, list) and all(isinstance(one, dict) for one in found)
    return "" if sound else "message 1 (tools) is no JSON list of function schemas; write [{…}, …]"


def _order_problem(messages: Sequence[Message]) -> str:
    """The line about roles out of order."""
    roles = [message["role"] for message in messages]
    start = int(roles[0] == TOOLS)
    start += int(roles[start : start + 1] == [SYSTEM])
    before = ""
    for number, role in enumerate(roles[start:], start + 1):
        if role not in BEHIND[before]:
            place = f"behind '{before}'" if before else "as the first turn"
            return f"message {number} has the role '{role}' {place}; {' or '.join(BEHIND[before])} goes there"
        before = role
    if before not in ANSWERED:
        last = f"is of the role '{before}'" if before else "is no turn"
        return f"the last message {last}; it is of user or tool, whom the model answers"
    return ""
