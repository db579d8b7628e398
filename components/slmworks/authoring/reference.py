"""The reference of plugins: ports and options as `slmworks plugins show` prints them, and as Markdown.

Types are read from the JSON schema, so that they are those that an editor completes.
"""

import inspect
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slmworks.contract import catalog
from slmworks.contract.catalog import Plugin
from slmworks.contract.stage import Port, Stage, output, ports


@dataclass(frozen=True)
class Option:
    """One option of a plugin, in words."""

    name: str
    type: str
    """`number > 0 < 1`, `smallest | fastest`, `list of string`."""
    default: str | None
    """As JSON; None where the option is required, empty where it is too long to show."""
    meaning: str


def options(plugin: type[BaseModel]) -> Iterator[Option]:
    """Every option, in the order of the class."""
    schema = plugin.model_json_schema()
    for name, option in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        default = None if required else json.dumps(option.get("default", {}), ensure_ascii=False)
        yield Option(name, type_of(option), default, str(option.get("description", "")))


def inputs(plugin: Plugin) -> Iterator[tuple[str, list[str]]]:
    """Every port with its kind and what the plugin says of it."""
    loaded = plugin.load()
    for port in ports(loaded).values():
        kind = port.kind.kind if port.kind else "any names: paths and URLs"
        yield port.name, [kind, *filter(None, _notes(loaded, port))]


def makes(plugin: Plugin) -> str:
    """The kind of artifact that a plugin makes, with its format where that is fixed."""
    kind, produced = output(catalog.stage_class(plugin.stage)).kind, plugin.load().produces
    return f"{kind} ({produced})" if produced else kind


def summary(found: type[Any]) -> str:
    """The first line of a class's docstring."""
    return (found.__doc__ or "").strip().partition("\n")[0]


def page(stage: str, distributions: Iterable[str]) -> str:
    """A stage's page as Markdown: what it is for, and these distributions' plugins with their options."""
    mine = _plugins(stage, distributions)
    parts = [f"# {stage}", summary(catalog.stage_class(stage))]
    parts += [_section(plugin) for plugin in mine] or ["No plugin yet."]
    return "\n\n".join(parts) + "\n"


def overview(distributions: Iterable[str]) -> str:
    """Every stage's plugins as tables, each with a link to its part of `plugins/<stage>.md`."""
    parts = []
    for stage in catalog.STAGES:
        parts += [f"## {stage}", summary(catalog.stage_class(stage))]
        rows = [
            f"| [`{one.name}`](plugins/{stage}.md#{stage}{one.name}) | {cell(summary(one.load()))} "
            f"| `{one.distribution}` |"
            for one in _plugins(stage, distributions)
        ]
        if rows:
            parts.append("\n".join(["| plugin | what it does | of |", "|---|---|---|", *rows]))
    return "\n\n".join(parts) + "\n"


def _plugins(stage: str, distributions: Iterable[str]) -> list[Plugin]:
    wanted = set(distributions)
    return [one for one in catalog.plugins(stage).values() if one.distribution in wanted]


def table(first: str, described: Iterable[Option]) -> str:
    """Options or keys as a table; `first` heads the column of their names."""
    lines = [f"| {first} | type | default | meaning |", "|---|---|---|---|"]
    for option in described:
        default = "required" if option.default is None else f"`{option.default}`" if option.default else ""
        cells = (f"`{option.name}`", option.type, default, option.meaning)
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    return "\n".join(lines)


def _section(plugin: Plugin) -> str:
    loaded = plugin.load()
    standard = " The default." if catalog.stage_class(plugin.stage).default == plugin.name else ""
    lines = [
        f"## {plugin.stage}/{plugin.name}",
        "",
        inspect.cleandoc(loaded.__doc__ or ""),
        "",
        f"Of `{plugin.distribution}`, makes `{makes(plugin)}`.{standard}",
        "",
    ]
    lines += [f"- `{name}`: {' · '.join(notes)}" for name, notes in inputs(plugin)]
    if loaded.model_fields:
        lines += ["", table("option", options(loaded))]
    return "\n".join(lines)


def cell(text: str) -> str:
    """A text as a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")


def _notes(loaded: type[Stage], port: Port) -> Iterator[str]:
    yield "ignored" if port.name in loaded.ignores else ""
    yield "optional" if port.optional and port.name not in loaded.needs else ""
    yield "one or several" if port.many else ""
    yield "/".join(loaded.accepts.get(port.name, ()))
    yield f"sees only {', '.join(loaded.reads[port.name])}" if port.name in loaded.reads else ""


def type_of(schema: Any) -> str:
    """A type in words, from its JSON schema: `number > 0 < 1`, `list of string`."""
    if not isinstance(schema, dict):
        return "any"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(type_of(one) for one in several)
    if "enum" in schema or "const" in schema:
        return " | ".join(str(one) or '""' for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    if schema.get("type") == "object":
        patterns = list(schema.get("patternProperties", {}).values())
        return (
            f"mapping to {type_of(schema.get('additionalProperties') or (patterns[0] if patterns else {}))}"
        )
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = "".join(f" {sign} {schema[key]}" for key, sign in bounds.items() if key in schema)
    named = "mapping" if "$ref" in schema else schema.get("type") or schema.get("$comment", "any")
    return f"{' or '.join(named) if isinstance(named, list) else named}{limits}"
