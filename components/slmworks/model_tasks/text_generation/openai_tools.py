"""Calls of tools in an answer: JSON, as training data have it, on a line of its own behind what was said."""

import json
import secrets
from collections.abc import Sequence
from typing import Any

from slmworks.model_tasks.text_generation import json_answers

BEGINNING = "["
"""A line that begins with it may be calls."""


class Split:
    """An answer as it comes, with what may be calls kept back."""

    def __init__(self, tools: Sequence[str]) -> None:
        """`tools`: names of the functions that may be called; without any nothing is kept back."""
        self._tools = tools
        self._kept = ""
        self._calling = False
        self._line_begins = True

    def take(self, text: str) -> str:
        """Of the text so far and this what is surely no call."""
        if not self._tools:
            return text
        self._kept += text
        if self._calling:
            return ""
        said, self._kept, self._calling = _before_calls(self._kept, line_begins=self._line_begins)
        if said:
            self._line_begins = False
        return said

    def rest(self) -> tuple[str, list[dict[str, Any]]]:
        """What was kept back, once the answer has ended: text that is no call after all, and calls."""
        kept, self._kept = self._kept, ""
        return split(kept, self._tools) if self._calling else (kept, [])


def _before_calls(text: str, *, line_begins: bool) -> tuple[str, str, bool]:
    """Text before a line that may be calls; the rest; True if there is such a line.

    Blanks at the end are kept back: they may be those before calls.
    """
    place = 0
    while place <= len(text):
        if (place or line_begins) and text[place:].lstrip().startswith(BEGINNING):
            said = text[:place].rstrip()
            return said, text[len(said) :], True
        following = text.find("\n", place)
        if following < 0:
            break
        place = following + 1
    said = text.rstrip()
    return said, text[len(said) :], False


def split(text: str, tools: Sequence[str]) -> tuple[str, list[dict[str, Any]]]:
    """What an answer says, and the functions that it calls, in OpenAI's form."""
    if not tools:
        return text, []
    place = 0
    while True:
        if calls := _calls(text[place:], tools):
            return text[:place].rstrip(), calls
        place = text.find("\n", place) + 1
        if not place:
            return text, []


def _calls(text: str, tools: Sequence[str]) -> list[dict[str, Any]]:
    """The calls that a text is; none for any other text, or a call of something unknown."""
    found = json_answers.parsed(text)
    if not isinstance(found, list) or not all(_is_call(one, tools) for one in found):
        return []
    return [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {
                "name": one["name"],
                "arguments": json.dumps(one.get("arguments", {}), ensure_ascii=False),
            },
        }
        for one in found
    ]


def _is_call(found: Any, tools: Sequence[str]) -> bool:
    return (
        isinstance(found, dict)
        and found.keys() <= {"name", "arguments"}
        and found.get("name") in tools
        and isinstance(found.get("arguments", {}), dict)
    )
