"""A conversation up to its last answer, and that answer: one row of a data set for text generation."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from slmworks_text.conversations.messages import parsed, strict_json, tools_of
from slmworks_text.conversations.shapes import FURTHER, Parts, Shape, shape_of, turns_in
from slmworks_text.conversations.tools import refuse_unlisted
from slmworks_text.conversations.turns import (
    BAD_SCHEMA,
    BAD_TOOLS,
    EMPTY,
    EMPTY_COMPLETION,
    BadConversation,
    Turn,
    check,
)

NO_ANSWER = "no answer"
NO_JSON = "completion that is not JSON"
Unanswered = Literal["cut", "transfer"]

Message = tuple[str, str]
"""Role and content."""


@dataclass(frozen=True)
class Conversation:
    """One row."""

    messages: tuple[Message, ...]
    """All that is said before the answer, tools and system first."""
    completion: str | None
    """The answer; None where it has none."""
    schema: str = ""
    """A JSON Schema that the answer follows, as JSON text; empty: none."""
    cut: int = 0
    """Turns behind the last answer, which are left out."""
    rejected: str = ""
    """A worse answer; empty: none."""

    def each(self, change: Callable[[str], str]) -> "Conversation":
        """The conversation with each content changed; the tools are no content."""
        messages = tuple(
            (role, content if role == "tools" else change(content)) for role, content in self.messages
        )
        completion = None if self.completion is None else change(self.completion)
        return replace(self, messages=messages, completion=completion, rejected=change(self.rejected))

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that it has."""
        return tuple(answer for answer in (self.completion, self.rejected) if answer)

    def with_system(self, content: str) -> "Conversation":
        """The conversation with a system turn in front, unless it has one or is raw text."""
        if not content or self.raw or any(role == "system" for role, _ in self.messages):
            return self
        tools = [message for message in self.messages if message[0] == "tools"]
        return replace(self, messages=(*tools, ("system", content), *self.messages[len(tools) :]))

    @property
    def raw(self) -> bool:
        """True for text that no template of a chat stands around."""
        return self.messages[0][0] == "prompt"

    def packed(self) -> str:
        """Messages, schema and, where there is one, the worse answer as JSON text, to be stored."""
        said = [self.messages, self.schema, *([self.rejected] if self.rejected else [])]
        return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def unpacked(packed: str) -> tuple[list[Message], str, str]:
    """Messages, schema and worse answer (empty for none) of what `packed` gave."""
    messages, schema, *rejected = json.loads(packed)
    return [(role, content) for role, content in messages], schema, str(*rejected)


def conversation_of(
    parts: Parts, shape: Shape | None, *, unlabelled: bool, unanswered: Unanswered
) -> tuple[str, Conversation]:
    """The shape of a row and the conversation in it; BadConversation for a broken rule.

    `shape`: None to recognise it. `unlabelled`: an answer at the end is left out, and none is needed.
    `unanswered`: whether what stands behind the last answer is cut off, or the row is kept without an answer.
    """
    shape = shape or shape_of(parts)
    turns = turns_in(shape, parts)
    if turns and turns[0].role == "prompt":
        before, answer, cut = _raw(turns, unlabelled=unlabelled, unanswered=unanswered)
    else:
        before, answer, cut = _answered(check(turns), unlabelled=unlabelled, unanswered=unanswered)
    completion = None if answer is None else answer.text()
    if completion is not None and not completion.strip():
        raise BadConversation(EMPTY_COMPLETION, f"turn {len(before) + 1}")
    found = assembled(before, answer, parts, tools="tools" in FURTHER[shape])
    return shape, replace(found, cut=cut)


def assembled(before: Sequence[Turn], answer: Turn | None, parts: Parts, *, tools: bool) -> Conversation:
    """A conversation of the turns before an answer, the answer, the row's schema and, if asked, tools."""
    messages = [(turn.role, turn.text()) for turn in before if turn.role != "system" or turn.content.strip()]
    if tools and (named := tools_of(parts.get("tools"))):
        if messages[0][0] == "prompt":
            raise BadConversation(BAD_TOOLS, "raw text has no chat template that would show them")
        refuse_unlisted(named, [*before, *([answer] if answer else [])])
        messages.insert(0, ("tools", named))
    completion = None if answer is None else answer.text()
    return Conversation(tuple(messages), completion, _schema(parts.get("schema"), completion))


Split = tuple[list[Turn], Turn | None, int]
"""Turns before the answer, the answer, and how many turns behind it were left out."""


def _raw(turns: Sequence[Turn], *, unlabelled: bool, unanswered: Unanswered) -> Split:
    prompt, *answers = turns
    if unlabelled and answers and not prompt.content.strip():
        prompt = Turn("prompt", answers[0].content)
    if unlabelled or (not answers and unanswered == "transfer"):
        if not prompt.content.strip():
            raise BadConversation(EMPTY, "a prompt without text")
        return [prompt], None, 0
    if not answers:
        raise BadConversation(NO_ANSWER, "a prompt without its completion")
    return [prompt], answers[0], 0


def _answered(turns: list[Turn], *, unlabelled: bool, unanswered: Unanswered) -> Split:
    last = max((i for i, turn in enumerate(turns) if turn.role == "assistant"), default=-1)
    open_ended = last < len(turns) - 1
    if unlabelled or (open_ended and unanswered == "transfer"):
        return (turns if open_ended else turns[:last]), None, 0
    if last < 0:
        raise BadConversation(NO_ANSWER, "it has no turn of the assistant")
    return turns[:last], turns[last], len(turns) - 1 - last


def _schema(value: Any, completion: str | None) -> str:
    """The schema as JSON text; what has one answers with JSON."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
    found = parsed(value)
    if not isinstance(found, dict):
        raise BadConversation(BAD_SCHEMA, f"found {str(value)[:40]!r}", plain="")
    if completion is not None and not is_json(completion):
        raise BadConversation(NO_JSON, f"found {completion[:40]!r}", plain="")
    try:
        return json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise BadConversation(BAD_SCHEMA, "what it holds is no JSON") from None


def is_json(text: str) -> bool:
    """True for a text that is JSON."""
    try:
        strict_json(text)
    except (ValueError, RecursionError):
        return False
    return True
