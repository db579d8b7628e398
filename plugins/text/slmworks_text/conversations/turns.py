"""One conversation as turns, and the rules that its order must keep."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNKNOWN_ROLE = "unknown role"
OUT_OF_ORDER = "roles out of order"
SYSTEM_NOT_FIRST = "system not first"
NO_USER = "no user turn"
EMPTY = "empty conversation"
EMPTY_TURN = "empty turn"
EMPTY_COMPLETION = "empty completion"
EQUAL = "equal chosen and rejected"
NO_REJECTED = "no rejected answer"
NO_COMMON = "no common prompt"
NOT_ANSWERED = "last turn not of the assistant"
NOT_TEXT = "content that is not text"
NOT_JSON = "tool call that is not JSON"
NO_CALL = "tool result without its call"
NO_RESULT = "tool call without its answer"
BAD_TOOLS = "tools that are no list of functions"
UNLISTED = "call of a tool that is not listed"
BAD_ARGUMENTS = "arguments that break the tool's schema"
BAD_SCHEMA = "schema that is no JSON object"
NO_SHAPE = "no conversation in the row"


class BadConversation(Exception):
    """A conversation that breaks a rule: `reason` is counted, `detail` says where in it."""

    def __init__(self, reason: str, detail: str, *, plain: str | None = None) -> None:
        """Keep both apart: a card counts reasons.

        `plain`: the detail without values of the row, which may be personal, where `detail` quotes them.
        """
        self.reason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)
        detail = detail if plain is None else plain
        self.plain = f"{reason}: {detail}" if detail else reason
        """What a card may say."""


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""
    """By which a result names its call; empty: results follow in the order of the calls."""


@dataclass
class Turn:
    """What one role says. `role`: `prompt`, `system`, `user`, `assistant` or `tool`."""

    role: str
    content: str
    calls: Sequence[Call] = field(default=())
    call_id: str = ""
    """`tool`: the call that it answers; empty: the next one."""

    def text(self) -> str:
        """The content, and calls behind it as a JSON list of `{"name": …, "arguments": {…}}`."""
        if not self.calls:
            return self.content
        calls = [{"name": call.name, "arguments": call.arguments} for call in self.calls]
        written = json.dumps(calls, ensure_ascii=False)
        return f"{self.content}\n{written}" if self.content.strip() else written


def check(turns: Sequence[Turn]) -> list[Turn]:
    """The turns, results of several calls in the order of these; BadConversation for a broken rule.

    A system turn is first; then user and assistant take turns, and each call is followed by its result.
    The last turn may be of any role.
    """
    if not turns:
        raise BadConversation(EMPTY, "it has no turn")
    rest = turns[1:] if turns[0].role == "system" else turns
    start = len(turns) - len(rest)
    if not any(turn.role == "user" for turn in rest):
        raise BadConversation(NO_USER, "none of its turns is of the user")
    checked, waiting, before = list(turns[:start]), list[Call](), "start"
    for number, turn in enumerate(rest, start + 1):
        _check_order(turn, before, waiting, number)
        if turn.role == "tool":
            waiting.pop(_answered(turn, waiting, number))
        elif not turn.content.strip() and not turn.calls and number < len(turns):
            raise BadConversation(EMPTY_TURN, f"turn {number}, {turn.role}")
        if turn.role == "assistant":
            waiting = list(turn.calls)
        before = turn.role
        checked.append(turn)
    return _in_order_of_calls(checked)


def _check_order(turn: Turn, before: str, waiting: Sequence[Call], number: int) -> None:
    if turn.role == "system":
        raise BadConversation(SYSTEM_NOT_FIRST, f"turn {number} is of the system")
    if waiting and turn.role != "tool":
        raise BadConversation(NO_RESULT, f"turn {number} is of the {turn.role}, not the result of the call")
    if turn.role == "tool" and not waiting:
        raise BadConversation(NO_CALL, f"turn {number}")
    follows = {"start": "user", "user": "assistant", "assistant": "user", "tool": "assistant"}[before]
    if turn.role not in ("tool", follows):
        there = "is the first" if before == "start" else f"follows one of the {before}"
        raise BadConversation(OUT_OF_ORDER, f"turn {number}, of the {turn.role}, {there}")


def _answered(turn: Turn, waiting: Sequence[Call], number: int) -> int:
    """The position of the call that a result is of."""
    if not turn.call_id or not any(call.id for call in waiting):
        return 0
    found = [i for i, call in enumerate(waiting) if call.id == turn.call_id]
    if not found:
        why = f"turn {number}: no call before it has"
        raise BadConversation(NO_CALL, f"{why} the id '{turn.call_id[:40]}'", plain=f"{why} its id")
    return found[0]


def _in_order_of_calls(turns: Sequence[Turn]) -> list[Turn]:
    """Ids are not kept, so results that name their call must stand in the order of the calls."""
    ordered: list[Turn] = []
    calls: Sequence[Call] = ()
    results: list[Turn] = []

    def settle() -> None:
        place = {call.id: i for i, call in enumerate(calls)}
        named = all(turn.call_id in place for turn in results)
        ordered.extend(sorted(results, key=lambda turn: place[turn.call_id]) if named else results)
        results.clear()

    for turn in turns:
        if turn.role == "tool":
            results.append(turn)
            continue
        settle()
        ordered.append(turn)
        calls = turn.calls
    settle()
    return ordered
