"""From bodies in the form of OpenAI's API to conversations and settings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from slmworks.contract.generation import GenerativeDialect, Settings, Unsupported, Wanted
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation import json_answers
from slmworks.model_tasks.text_generation.messages import PROMPT, TOOLS, problem
from slmworks.model_tasks.text_generation.openai_bodies import (
    ChatReply,
    ChatRequest,
    CompletionReply,
    CompletionRequest,
    Message,
    Sampling,
    ToolCall,
)
from slmworks.model_tasks.text_generation.openai_replies import ChatReplying, CompletionReplying

ANY_OBJECT = '{"type": "object"}'


def chat(request: ChatRequest) -> Wanted:
    """What a chat asks for; Unsupported for what is refused."""
    if request.top_logprobs is not None and not request.logprobs:
        raise Unsupported("top_logprobs is for logprobs: true; add that, or leave it out.", "top_logprobs")
    logprobs = (request.top_logprobs or 0) if request.logprobs else None
    names = [tool.function.name for tool in request.tools or ()]
    tools = names if request.tool_choice != "none" else []
    row = {"messages": _messages(request, shown=bool(tools))}
    settings = _settings(request, _most(request), logprobs)
    usage, choices = _usage_wanted(request), request.n or 1
    reply = partial(ChatReplying, tools=tools, top=logprobs, usage=usage, choices=choices)
    return Wanted(_choices(request, [row], settings), bool(request.stream), request.model, reply)


def completion(request: CompletionRequest) -> Wanted:
    """What a completion asks for; Unsupported for what is refused."""
    prompts = [request.prompt] if isinstance(request.prompt, str) else request.prompt
    if not prompts:
        raise Unsupported("there is no prompt; give one text at least.", "prompt")
    rows: list[Row] = [{"messages": [{"role": PROMPT, "content": text}]} for text in prompts]
    settings = _settings(request, request.max_tokens, request.logprobs)
    usage, choices = _usage_wanted(request), request.n or 1
    reply = partial(CompletionReplying, top=request.logprobs, usage=usage, choices=choices)
    return Wanted(_choices(request, rows, settings), bool(request.stream), request.model, reply)


def _choices(request: Sampling, rows: Sequence[Row], settings: Settings) -> list[tuple[Row, Settings]]:
    """`n` choices a row; each has a seed of its own where there is one."""
    numbers = range(request.n or 1)
    seeded = [_with_seed(settings, number) for number in numbers]
    return [(row, one) for row in rows for one in seeded]


def _with_seed(settings: Settings, number: int) -> Settings:
    return settings if settings.seed is None else replace(settings, seed=settings.seed + number)


def _most(request: ChatRequest) -> int | None:
    """The tokens of an answer, by the newer name or the older one."""
    newer, older = request.max_completion_tokens, request.max_tokens
    if newer is not None and older is not None and newer != older:
        raise Unsupported(
            f"max_completion_tokens is {newer} and max_tokens is {older}; give one of them.", "max_tokens"
        )
    return older if newer is None else newer


def _settings(request: Sampling, most: int | None, logprobs: int | None) -> Settings:
    stop = [request.stop] if isinstance(request.stop, str) else request.stop or ()
    return Settings(
        max_tokens=most,
        temperature=request.temperature or 0.0,
        top_p=1.0 if request.top_p is None else request.top_p,
        seed=request.seed,
        stop=tuple(stop),
        frequency_penalty=request.frequency_penalty or 0.0,
        presence_penalty=request.presence_penalty or 0.0,
        logprobs=logprobs,
        schema=_schema(request),
    )


def _schema(request: Sampling) -> str:
    """The JSON Schema of the answer; empty for free text."""
    asked, place = request.response_format, "response_format"
    if asked is None or asked.type == "text":
        return ""
    if asked.type == "json_object":
        return ANY_OBJECT
    if asked.json_schema is None:
        raise Unsupported("response_format: json_schema is missing; give it with its schema.", place)
    schema = json.dumps(asked.json_schema.schema_)
    if found := json_answers.schema_problem(schema):
        raise Unsupported(f"response_format.json_schema.schema {found}.", place)
    return schema


def _usage_wanted(request: Sampling) -> bool:
    """True for a stream that says how many tokens there were."""
    if request.stream_options and not request.stream:
        raise Unsupported("stream_options are for a stream; add stream: true.", "stream_options")
    return bool(request.stream_options and request.stream_options.include_usage)


# --- messages -------------------------------------------------------------------------------------------


def _messages(request: ChatRequest, *, shown: bool) -> list[dict[str, str]]:
    """The conversation as the model task has it."""
    turns = [_turn(number, one) for number, one in enumerate(_in_order(request.messages), 1)]
    if shown:
        schemas = [tool.model_dump(exclude_unset=True) for tool in request.tools or ()]
        turns.insert(0, {"role": TOOLS, "content": json.dumps(schemas, ensure_ascii=False)})
    if found := problem(turns[1:] if shown else turns) or problem(turns):
        raise Unsupported(f"{found}.", "messages")
    return turns


def _turn(number: int, message: Message) -> dict[str, str]:
    text = _text(message)
    if message.tool_calls:
        if message.role != "assistant":
            raise Unsupported(f"message {number}: calls are the assistant's.", "messages")
        calls = json.dumps([_call(number, one) for one in message.tool_calls], ensure_ascii=False)
        return {"role": "assistant", "content": f"{text}\n{calls}" if text else calls}
    if message.content is None:
        raise Unsupported(f"message {number} has no content; give it as text.", "messages")
    if message.role == "assistant" and not text:
        raise Unsupported(f"message {number} is an empty answer; leave it out.", "messages")
    return {"role": "system" if message.role == "developer" else message.role, "content": text}


def _text(message: Message) -> str:
    parts = message.content or ""
    return parts if isinstance(parts, str) else "".join(part.text for part in parts)


def _call(number: int, call: ToolCall) -> dict[str, Any]:
    arguments = json_answers.parsed(call.function.arguments)
    if not isinstance(arguments, dict):
        raise Unsupported(f"message {number}: the arguments of a call are no JSON object.", "messages")
    return {"name": call.function.name, "arguments": arguments}


def _in_order(messages: Sequence[Message]) -> Iterator[Message]:
    """The messages, with results in the order of their calls: which is all that a model sees of their ids."""
    places: Mapping[str, int] = {}
    results: list[Message] = []
    for message in messages:
        if message.role == "tool":
            results.append(message)
            continue
        yield from _sorted(results, places)
        results, places = [], {one.id: place for place, one in enumerate(message.tool_calls or ())}
        yield message
    yield from _sorted(results, places)


def _sorted(results: Sequence[Message], places: Mapping[str, int]) -> list[Message]:
    for one in results:
        if one.tool_call_id not in places:
            raise Unsupported(
                f"the tool's result for call {one.tool_call_id!r} follows no such call; send the assistant's "
                "message with its tool_calls before it.",
                "messages",
            )
    return sorted(results, key=lambda one: places[one.tool_call_id or ""])


CHAT = GenerativeDialect(
    "v1/chat/completions",
    "Answer a conversation, as OpenAI's API does",
    ChatRequest,
    chat,
    ChatReply,
    {"messages": [{"role": "user", "content": "When does the shop open?"}], "max_tokens": 64},
)
COMPLETION = GenerativeDialect(
    "v1/completions",
    "Go on with a text, as OpenAI's API does",
    CompletionRequest,
    completion,
    CompletionReply,
    {"prompt": "The shop opens at", "max_tokens": 16},
)
