"""Chat templates as transformers renders them: the same Jinja environment, and nothing of transformers.

https://huggingface.co/docs/transformers/chat_templating_writing: statements leave no blank lines, `tojson`
escapes nothing, `raise_exception` and `strftime_now` are there, loops know `break` and `continue`, and
`{% generation %}` marks what the assistant says. A template is somebody else's code, so it runs in Jinja's
sandbox. This file stands alone: jinja2 is all it needs.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, NoReturn

from slmworks.contract.errors import BadRequest

_SHOWN = 120
"""Characters of a template's complaint that are passed on."""


def render(
    template: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Any] | None,
    special: Mapping[str, str],
    *,
    ask: bool = True,
) -> str:
    """The text of a conversation; with `ask` up to where the assistant's next turn begins.

    `special`: `bos_token`, … -> token. BadRequest with the template's own complaint.
    """
    from jinja2 import TemplateError

    told = {"messages": list(messages), "tools": tools, "documents": None, "add_generation_prompt": ask}
    try:
        return str(_compiled(template).render(**told, **special))
    except (
        TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
    ) as error:  # fmt: skip
        said = next(iter(str(error).strip().splitlines()), "")
        raise BadRequest(
            f"the model's chat template refuses the conversation ({type(error).__name__}: {said[:_SHOWN]}); "
            "it may know fewer roles."
        ) from error


@lru_cache(maxsize=64)
def _compiled(template: str) -> Any:
    return _environment().from_string(template)


@cache
def _environment() -> Any:
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols, _generation_tag()]
    )
    made.filters["tojson"] = _tojson
    made.globals.update(raise_exception=_raise_exception, strftime_now=_strftime_now)
    return made


def _generation_tag() -> Any:
    """`{% generation %} … {% endgeneration %}`: what stands within, as it is."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - so Jinja wants it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            within = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_said"), [], [], within).set_lineno(line)

        def _said(self, caller: Any) -> str:
            return str(caller())

    return Generation


def _tojson(
    value: Any,
    ensure_ascii: bool = False,  # noqa: FBT001, FBT002
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,  # noqa: FBT001, FBT002
) -> str:
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise_exception(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _strftime_now(form: str) -> str:
    return datetime.now().strftime(form)  # noqa: DTZ005 - local time, as transformers has it
