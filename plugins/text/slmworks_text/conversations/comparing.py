"""What conversations are compared by: their prompt, their whole text, their template."""

import re
from collections.abc import Iterable

from slmworks_text.conversations.conversation import Conversation, unpacked

MASKED = re.compile(
    r"\{\{?[^{}\n]*\}?\}|\[\[?[^\[\]\n]*\]?\]|<[^<>\n]+>"  # names in braces, brackets and tags
    r'|"[^"\n]*"|“[^”\n]*”|«[^»\n]*»|(?<!\w)\'[^\'\n]*\'(?!\w)|`[^`\n]*`'  # quoted parts
    r"|[+-]?\d+(?:[.,:/-]\d+)*"  # numbers, dates, times
)
"""Parts of a text that differ between rows of one template."""


def template_of(conversation: Conversation) -> str:
    """What the user's turns have in common with others of their template; empty for raw text."""
    asked = [content for role, content in conversation.messages if role == "user"]
    return "\0".join(masked(text) for text in asked)


def masked(text: str) -> str:
    """A text with a blank for each part that a template fills in, its words in lower case."""
    return " ".join(MASKED.sub(" _ ", text).casefold().split())


def prompt_key(packed: str, completion: str) -> str:
    """The conversation before the answer; of raw text, which has little or nothing before it, all of it."""
    messages, _, _ = unpacked(packed)
    raw = messages[0][0] == "prompt" and not messages[0][1].strip()
    said = [*messages, ("assistant", completion)] if raw else messages
    return "\0".join(f"{role}\0{_plain(content)}" for role, content in said)


def whole_text(packed: str, completion: str) -> str:
    """All that is said, answers included; without the tools, which many conversations share."""
    messages, _, rejected = unpacked(packed)
    return "\n".join([*_contents(messages), completion, *([rejected] if rejected else [])])


def answers_key(packed: str, completion: str) -> str:
    """The answer, and the worse one where there is one."""
    _, _, rejected = unpacked(packed)
    return f"{completion}\0{rejected}" if rejected else completion


def _contents(messages: Iterable[tuple[str, str]]) -> list[str]:
    return [content for role, content in messages if role != "tools"]


def _plain(text: str) -> str:
    return " ".join(text.split())
