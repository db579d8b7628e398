"""Replies of OpenAI's API as answers of the model task."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import By, Generated


class BadReply(Exception):
    """A reply that is none, in a few words; the next one may be sound."""


def generated(said: Any, asked: str) -> Generated | BadRequest:
    """The answer in a reply's body; BadRequest where the server kept it back. `asked`: the model's name."""
    try:
        choice = said["choices"][0]
        text, finish = _text(choice), str(choice["finish_reason"])
        usage = said["usage"]
        read, wrote = int(usage["prompt_tokens"]), int(usage["completion_tokens"])
        cached = int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0)
        by = By(str(said.get("model") or asked), int(said.get("version") or 0), _fingerprint(said))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        missing = str(error).strip("'") if isinstance(error, KeyError) else type(error).__name__
        raise BadReply(f"a reply without a sound choice and usage: {missing}") from None
    if finish == "content_filter":
        return BadRequest("the server kept the answer back (content_filter); ask otherwise, or drop the row.")
    if text is None and finish != "length":
        raise BadReply("a reply with an empty choice")
    end = "length" if finish == "length" else "stop"
    answer = {"text": text or "", "finish": end, "tokens": wrote}
    return Generated(answer, end, wrote, read, cached, by)


def _text(choice: Mapping[str, Any]) -> str | None:
    """What is said, calls behind it as the model task has them; None for nothing at all."""
    if "message" not in choice:
        return None if choice["text"] is None else str(choice["text"])
    message = choice["message"]
    text = message.get("content")
    calls = [_call(one) for one in message.get("tool_calls") or ()]
    if not calls:
        return None if text is None else str(text)
    listed = json.dumps(calls, ensure_ascii=False)
    return f"{text}\n{listed}" if text else listed


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    try:
        arguments = json.loads(function["arguments"] or "{}")
    except ValueError:
        arguments = function["arguments"]  # cut off, or no JSON: the measures say so
    return {"name": function["name"], "arguments": arguments}


def _fingerprint(said: Mapping[str, Any]) -> str:
    return str(said.get("system_fingerprint") or "")


def error_of(said: Any) -> tuple[str, Sequence[str]]:
    """Message of an error's body, and its codes; empty for what is none."""
    found = said.get("error") if isinstance(said, Mapping) else None
    if isinstance(found, str):
        return found, ()
    if not isinstance(found, Mapping):
        plain = said.get("message") or said.get("detail") if isinstance(said, Mapping) else None
        return str(plain or ""), ()
    return str(found.get("message") or ""), [str(found.get(key) or "") for key in ("code", "type")]
