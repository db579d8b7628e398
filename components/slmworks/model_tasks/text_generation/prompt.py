"""From a conversation to the text that a model continues: by the chat template of the model itself."""

from collections.abc import Mapping, Sequence

from slmworks.contract.errors import BadRequest, in_a_line
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.messages import problem, raw_text, split_tools

MAX_NEW_TOKENS = 256
"""Tokens of an answer at most, where the model's header has no `max_new_tokens`."""
ANSWER = "slmworks"
"""An answer that a template is tried with: one word, which no template changes."""
DEFAULT, TOOL_USE = "default", "tool_use"
"""Names of the templates that are taken, as transformers does: the second one where there are tools."""


def prompt(row: Row, templates: Mapping[str, str], special: Mapping[str, str]) -> tuple[str, bool]:
    """The text to continue, and True if it comes from a template, which puts its own special tokens.

    `templates`: name -> chat template (Jinja, as transformers reads it); `special`: `bos_token`, … -> token.
    BadRequest for a conversation out of order, one without a template, one that the template refuses.
    """
    messages = row["messages"]
    if found := problem(messages):
        raise BadRequest(f"{found}.")
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
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered = render_jinja_template(
            [turns], tools=tools, chat_template=templates[wanted], add_generation_prompt=True, **special
        )
    except (TemplateError, TypeError) as error:
        raise BadRequest(
            f"the model's chat template refuses the conversation ({in_a_line(error, 120)}); it may know "
            "fewer roles."
        ) from error
    return _first_text(rendered), True


def behind_answer(templates: Mapping[str, str], special: Mapping[str, str]) -> str:
    """The text that the template puts behind an answer; empty for none, and where it refuses."""
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    if not templates.get(DEFAULT):
        return ""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": ANSWER}]
    try:
        rendered = render_jinja_template([turns], chat_template=templates[DEFAULT], **special)
    except (TemplateError, TypeError):
        return ""
    _, found, behind = _first_text(rendered).rpartition(ANSWER)
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


def _first_text(rendered: object) -> str:
    """The one text: transformers gives texts alone, or with marks of what the assistant said."""
    found = rendered[0] if isinstance(rendered, tuple) else rendered
    return str(found[0] if isinstance(found, list) else found)
