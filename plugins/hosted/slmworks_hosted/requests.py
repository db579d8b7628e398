"""Requests in the form of OpenAI's API, from a row and its settings."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Settings
from slmworks.contract.hosted import Hosted
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.messages import listed, problem, raw_text, split_tools
from slmworks.model_tasks.text_generation.openai_tools import split
from slmworks.model_tasks.text_generation.prompt import MAX_NEW_TOKENS

CHAT, COMPLETION = "chat/completions", "completions"
"""Routes for a conversation and for raw text that is continued."""


def request(row: Row, settings: Settings, hosted: Hosted) -> tuple[str, dict[str, Any]]:
    """Route and body; BadRequest for messages out of order."""
    messages = listed(row.get("messages"))
    if found := "messages is no list" if messages is None else problem(messages):
        raise BadRequest(f"{found}.")
    assert messages is not None
    raw = raw_text(messages)
    said = {"prompt": raw} if raw is not None else _conversation(messages)
    route = CHAT if raw is None else COMPLETION
    length = hosted.length_field if raw is None else "max_tokens"
    return route, {"model": hosted.model, **said, length: settings.max_tokens or MAX_NEW_TOKENS} | _how(
        settings
    )


def _how(settings: Settings) -> dict[str, Any]:
    """Fields for the settings; what is OpenAI's own default is left out, but the temperature."""
    found: dict[str, Any] = {"temperature": settings.temperature}
    if settings.top_p != 1.0:
        found["top_p"] = settings.top_p
    if settings.seed is not None:
        found["seed"] = settings.seed
    if settings.stop:
        found["stop"] = list(settings.stop)
    for name in ("frequency_penalty", "presence_penalty"):
        if value := getattr(settings, name):
            found[name] = value
    if settings.schema:
        schema = {"name": "answer", "schema": json.loads(settings.schema), "strict": True}
        found["response_format"] = {"type": "json_schema", "json_schema": schema}
    return found


def _conversation(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`messages` and `tools`: calls, which the model task has as text, and results with ids that agree."""
    schemas, turns = split_tools(messages)
    tools = [one if "function" in one else {"type": "function", "function": one} for one in schemas or ()]
    names = [str(one["function"].get("name", "")) for one in tools]
    open_calls: list[str] = []
    said: list[dict[str, Any]] = []
    for number, turn in enumerate(turns):
        if turn["role"] == "tool":
            if not open_calls:
                raise BadRequest(
                    "a tool's result follows no call of it; the assistant's message before it holds the "
                    'calls as a JSON list on a line of its own, [{"name": …, "arguments": …}].'
                )
            said.append({"role": "tool", "tool_call_id": open_calls.pop(0), "content": turn["content"]})
            continue
        one, open_calls = _turn(turn, names, number)
        said.append(one)
    return {"messages": said, **({"tools": tools} if tools else {})}


def _turn(turn: Mapping[str, Any], names: Sequence[str], number: int) -> tuple[dict[str, Any], list[str]]:
    """A message, and the ids of the calls in it, which are the same each time."""
    if turn["role"] != "assistant":
        return {"role": turn["role"], "content": turn["content"]}, []
    text, calls = split(turn["content"], names)
    if not calls:
        return {"role": "assistant", "content": turn["content"]}, []
    ids = [f"call_{number}_{place}" for place in range(len(calls))]
    named = [{**call, "id": one} for call, one in zip(calls, ids, strict=True)]
    return {"role": "assistant", "content": text or None, "tool_calls": named}, ids
