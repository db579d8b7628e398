"""Chat templates come out as transformers renders them, to the letter; what they refuse is a line."""

import json
from typing import Any

import pytest
from transformers.utils.chat_template_utils import render_jinja_template

from slmworks.contract.errors import BadRequest
from slmworks.model_tasks.text_generation.chat_template import render

SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Adds <b>two</b> & 'more' – étés",
            "parameters": {
                "type": "object",
                "properties": {"b": {"type": "number"}, "a": {"type": "number"}},
            },
        },
    }
]
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be short.  "},
    {"role": "user", "content": "  What is <2> + 'é' & \"😀\"?\n"},
    {"role": "assistant", "content": '<think>so\n</think>\n[{"name": "add", "arguments": {"a": 2}}]'},
    {"role": "tool", "content": "3"},
    {"role": "assistant", "content": "Three."},
    {"role": "user", "content": "{{ messages }} {% raw %}"},
]
TALKS = [TALK, TALK[1:], TALK[1:2], TALK[:4]]

CHATML = """{%- for message in messages -%}
    {%- if loop.first and messages[0]['role'] != 'system' -%}
        {{- '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' -}}
    {%- endif -%}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
"""
BLANKS = """Header
  {% if tools is not none and tools %}
    {% for tool in tools %}
  * {{ tool.function.name }}: {{ tool | tojson(indent=4) }}
    {% endfor %}
  {% endif %}
{# a comment #}
{% for message in messages %}
    {% if message.role == 'system' %}{% continue %}{% endif %}
    {% if loop.index > 4 %}
        {% break %}
    {% endif %}
  {{ bos_token }}{{ message.role | upper }}: {{ message.content | trim }}{{ eos_token }}
{% endfor %}
{% if add_generation_prompt %}
A:
{% endif %}
"""
NAMESPACE = """{% set ns = namespace(seen=false, last='') %}{% for m in messages | reverse %}
{% if not ns.seen and m.role == 'user' %}{% set ns.seen = true %}{% set ns.last = m.content %}{% endif %}
{% endfor %}{{ ns.last }}|{{ messages | length }}|{{ messages[0]['content'].split(' ')[0] }}|
{%- macro said(m, mark='>') %}{{ mark }}{{ m.role }}{{ caller() if caller else '' }}{% endmacro %}
{% for m in messages %}{{ said(m) }}{% endfor %}{% call said(messages[0]) %}!{% endcall %}
{{ messages | map(attribute='role') | join(', ') }} {{ tools | default('none', true) }} {{ nothing }}
{{ messages | selectattr('role', 'equalto', 'user') | list | tojson }} {{ documents }}
"""
GENERATION = """{% set mark = '#' %}{% for m in messages %}
{% if m.role == 'assistant' %}
{% generation %}
  {% set mark = '!' %}
  {{ mark }}{{ m.content.split('</think>')[-1].lstrip('\\n') }}{{ loop.index }}
{% endgeneration %}
{% else %}
{{ mark }}{{ m['content'] }}
{% endif %}{% endfor %}
{%- generation %}{{ pad_token }}{% endgeneration -%}
"""
LLAMA = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}
    {{- tools | tojson(sort_keys=true, separators=(',', ':')) }}{{- tools | tojson(ensure_ascii=true) }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls %}{{- raise_exception('calls') }}
    {%- else %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
"""
TEMPLATES = {
    "chatml": CHATML,
    "blanks": BLANKS,
    "namespace": NAMESPACE,
    "generation": GENERATION,
    "llama": LLAMA,
}


def theirs(template: str, talk: list[dict[str, Any]], tools: list[Any] | None) -> str:
    found = render_jinja_template(
        [talk], tools=tools, chat_template=template, add_generation_prompt=True, **SPECIAL
    )
    (text,) = found[0]
    return str(text)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_text_is_the_one_of_transformers(name: str) -> None:
    texts = set()
    for talk in TALKS:
        for tools in (None, TOOLS, []):
            ours = render(TEMPLATES[name], talk, tools, SPECIAL)
            assert ours == theirs(TEMPLATES[name], talk, tools)
            texts.add(ours)
    assert len(texts) >= len(TALKS) - (name == "blanks")


def test_nothing_is_escaped_and_marks_are_no_text() -> None:
    said = render("{{ messages[0].content }}{{ tools | tojson }}", TALK[1:2], TOOLS, {})
    assert said == TALK[1]["content"] + json.dumps(TOOLS, ensure_ascii=False)
    assert render("{% generation %}a{% endgeneration %}", TALK, None, {}) == "a"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{ raise_exception('no system role') }}", "TemplateError: no system role"),
        ("{% for %}", "TemplateSyntaxError: "),
        ("{{ messages[0].a.b }}", "UndefinedError: "),
        ("{{ messages[0] + 1 }}", "TypeError: "),
        ("{{ 1 // 0 }}", "ZeroDivisionError: "),
        ("{{ range(9999999) }}", "OverflowError: "),
        ("{{ messages.append(1) }}", "SecurityError: "),
        ("{{ ''.__class__.__mro__ }}", "SecurityError: "),
        ("{% include 'x' %}", "TypeError: "),
        ("{{ messages[0].content.encode('latin-1') }}", "UnicodeEncodeError: "),
        ("{{ '%d' % messages[0].content }}", "TypeError: "),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError: "),
    ],
)
def test_what_a_template_refuses_is_a_line(template: str, line: str) -> None:
    with pytest.raises(BadRequest) as refused:
        render(template, [{"role": "user", "content": "😀"}], None, {})
    assert str(refused.value).startswith(f"the model's chat template refuses the conversation ({line}")
    assert str(refused.value).endswith("); it may know fewer roles.")
    assert "\n" not in str(refused.value)
