"""Contents repaired and redacted; what is JSON stays JSON, and line ends and blanks stay."""

import json
import re
from collections.abc import Mapping
from typing import Any

from slmworks_text.conversations.messages import strict_json
from slmworks_text.personal import Redactor

CONTROL = re.compile(r"[^\t\n -~]")


def repaired(text: str) -> str:
    """The text without mojibake and control characters, in Unicode NFC, lines ended by LF (ftfy).

    Blanks, entities, quotation marks and wide forms stay: they may be code, or what is to be learnt.
    """
    if text.isascii() and (text.isprintable() or not CONTROL.search(text)):
        return text
    import ftfy

    fixed: str = ftfy.fix_text(
        text,
        unescape_html=False,
        uncurl_quotes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
    )
    # A rare line end within a string of JSON becomes a bare one, which no JSON may hold.
    return text if _json_start(text) is not None and _json_start(fixed) is None else fixed


class ContentRedactor:
    """Personal data in a content replaced by tags; within JSON, in strings, keys and numbers each."""

    def __init__(self, redactor: Redactor) -> None:
        self.redactor = redactor

    def redact(self, content: str) -> tuple[str, dict[str, int]]:
        """The content with tags, and the number of tags a kind."""
        start = _json_start(content)
        if start is None:
            return self.redactor.redact(content)
        counts: dict[str, int] = {}
        before = self._text(content[:start], counts)
        value = self._value(strict_json(content[start:]), counts)
        if not counts:
            return content, {}
        return before + json.dumps(value, ensure_ascii=False), counts

    def _text(self, text: str, counts: dict[str, int]) -> str:
        redacted, found = self.redactor.redact(text)
        for kind, count in found.items():
            counts[kind] = counts.get(kind, 0) + count
        return redacted

    def _value(self, value: Any, counts: dict[str, int]) -> Any:
        if isinstance(value, str):
            return self._text(value, counts)
        if isinstance(value, Mapping):
            return self._object(value, counts)
        if isinstance(value, list):
            return [self._value(inner, counts) for inner in value]
        if isinstance(value, int) and not isinstance(value, bool):
            written = str(value)
            redacted = self._text(written, counts)
            return value if redacted == written else redacted
        return value

    def _object(self, value: Mapping[str, Any], counts: dict[str, int]) -> dict[str, Any]:
        """Keys that become equal are numbered, so that none is lost."""
        found: dict[str, Any] = {}
        for key, inner in value.items():
            redacted = self._text(key, counts)
            name, number = redacted, 2
            while name in found:
                name, number = f"{redacted} {number}", number + 1
            found[name] = self._value(inner, counts)
        return found


def _json_start(content: str) -> int | None:
    """Where a list or an object of JSON begins that reaches the end: at the start, or on the last line."""
    stripped = content.strip()
    last = content.rstrip().rfind("\n") + 1
    for start in dict.fromkeys((0, last)):
        rest = content[start:].strip()
        if stripped and rest[:1] in ("[", "{"):
            try:
                strict_json(rest)
            except (ValueError, RecursionError):
                continue
            return start
    return None
