"""From a conversation to the text that a model continues: by the chat template of the model itself.

This file and those that it imports stand alone: jinja2 is all they need.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.chat_template import render
from slmworks.model_tasks.text_generation.messages import listed, problem, raw_text, split_tools

MAX_NEW_TOKENS = 256
"""Tokens of an answer at most, where the model has no `max_new_tokens`."""
ANSWER = "slmworks"
"""An answer that a template is tried with: one word, which no template changes."""
DEFAULT, TOOL_USE = "default", "tool_use"
"""Names of the templates that are taken, as transformers does: the second one where there are tools."""


def prompt(
    row: Mapping[str, Any], templates: Mapping[str, str], special: Mapping[str, str]
) -> tuple[str, bool]:
    """The text to continue, and True if it comes from a template, which puts its own special tokens.

    `templates`: name -> chat template (Jinja, as transformers reads it); `special`: `bos_token`, … -> token.
    BadRequest for a conversation out of order, one without a template, one that the template refuses.
    """
    messages = listed(row.get("messages"))
    if messages is None:
        raise BadRequest("messages is no list; give one with the role 'user' at least.")
    if wrong := problem(messages):
        raise BadRequest(f"{wrong}.")
    raw = raw_text(messages)
    if raw is not None:
        return raw, False
    tools, turns = split_tools(messages)
    wanted = TOOL_USE if tools and TOOL_USE in templates else DEFAULT
    if not templates.get(wanted):
        raise BadRequest(
            "the model has no chat template, so it only continues text: give one message of the role "
            "'prompt', or a model that was tuned to chat."
        )
    return render(templates[wanted], turns, tools, special), True


def behind_answer(templates: Mapping[str, str], special: Mapping[str, str]) -> str:
    """The text that the template puts behind an answer; empty for none, and where it refuses."""
    if not templates.get(DEFAULT):
        return ""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}]
    try:
        rendered = render(templates[DEFAULT], turns, None, special, ask=False)
    except BadRequest:
        return ""
    _, found, behind = rendered.rpartition(ANSWER)
    return behind if found else ""


def room(prompt_tokens: int, context: int, most: int) -> int:
    """Tokens that an answer may have, `most` at best; BadRequest for a prompt that leaves none.

    `context`: tokens that the model reads and writes together; 0 where there is no limit.
    """
    if not prompt_tokens:
        raise BadRequest("the prompt is empty, and the model has nothing to begin with; give it some text.")
    if context and prompt_tokens >= context:
        raise BadRequest(
            f"the prompt has {prompt_tokens} tokens, and the model reads {context} with its answer; shorten "
            "the conversation."
        )
    return min(most, context - prompt_tokens) if context else most


def answer(text: str, tokens: Sequence[int], ends: Sequence[int]) -> dict[str, object]:
    """An answer as the model task has it; `tokens` are those generated, with the one that ends it."""
    stopped = bool(tokens) and tokens[-1] in ends
    return {"text": text, "finish": "stop" if stopped else "length", "tokens": len(tokens)}


def until_end(tokens: Sequence[int], ends: Sequence[int]) -> list[int]:
    """Generated tokens up to the first that ends an answer, that one included."""
    for place, token in enumerate(tokens):
        if token in ends:
            return list(tokens[: place + 1])
    return list(tokens)
