"""The reference of plugins: ports and options as `slmworks plugins show` prints them, and as Markdown.

Types are read from the JSON schema, so that they are those that an editor completes.
"""

import inspect
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from slmworks.contract import catalog
from slmworks.contract.catalog import Plugin
from slmworks.contract.stage import Port, Stage, output, ports
from slmworks.curate import operators as row_operators

OPERATORS = """\
### Row operators

Listed by the option `operators` of `curate/text`, `curate/chat` and `curate/preferences`:
[curation.md](curation.md). All have `roles`, a list of the texts that they see, all by default: `text`,
`target`; in conversations `system`, `user`, `assistant`, `tool`, `prompt`, `rejected`. And `splits`, those
whose rows pass, all by default: `[train]` leaves a given test set as it was published."""


@dataclass(frozen=True)
class Option:
    """One option of a plugin, in words."""

    name: str
    type: str
    """`number > 0 < 1`, `smallest | fastest`, `list of string`."""
    default: str | None
    """As JSON; None where the option is required."""
    meaning: str


def options(plugin: type[BaseModel]) -> Iterator[Option]:
    """Every option, in the order of the class."""
    schema = plugin.model_json_schema()
    for name, option in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        default = None if required else json.dumps(option.get("default", {}), ensure_ascii=False)
        yield Option(name, _type(option), default, str(option.get("description", "")))


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


def markdown(distributions: Iterable[str]) -> str:
    """Every stage with its ports, and every plugin of these distributions with its options."""
    wanted = set(distributions)
    parts = []
    for stage in catalog.STAGES:
        contract = catalog.stage_class(stage)
        parts += [f"## {stage}", summary(contract)]
        mine = [one for one in catalog.plugins(stage).values() if one.distribution in wanted]
        parts += [_section(plugin) for plugin in mine] or ["No plugin yet."]
        if stage == "curate":
            operators = {
                name: one for name, one in row_operators.offered().items() if one.distribution in wanted
            }
            parts += [OPERATORS, *(_operator(name, one.distribution) for name, one in operators.items())]
    return "\n\n".join(parts) + "\n"


def _section(plugin: Plugin) -> str:
    loaded = plugin.load()
    standard = " The default." if catalog.stage_class(plugin.stage).default == plugin.name else ""
    lines = [
        f"### {plugin.stage}/{plugin.name}",
        "",
        inspect.cleandoc(loaded.__doc__ or ""),
        "",
        f"Of `{plugin.distribution}`, makes `{makes(plugin)}`.{standard}",
        "",
    ]
    lines += [f"- `{name}`: {' · '.join(notes)}" for name, notes in inputs(plugin)]
    return "\n".join([*lines, *_table(loaded)])


def _operator(name: str, distribution: str) -> str:
    """A row operator with its options; those that all have are said once."""
    loaded = row_operators.operator_class(name)
    doc = inspect.cleandoc(loaded.__doc__ or "")
    return "\n".join(
        [
            f"#### operator/{name}",
            "",
            doc,
            "",
            f"Of `{distribution}`.",
            *_table(loaded, but=("roles", "splits")),
        ]
    )


def _table(loaded: type[BaseModel], but: Collection[str] = ()) -> list[str]:
    rows = [_row(option) for option in options(loaded) if option.name not in but]
    return ["", "| option | type | default | meaning |", "|---|---|---|---|", *rows] if rows else []


def _row(option: Option) -> str:
    default = "required" if option.default is None else f"`{option.default}`"
    cells = (f"`{option.name}`", option.type, default, option.meaning)
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _notes(loaded: type[Stage], port: Port) -> Iterator[str]:
    yield "ignored" if port.name in loaded.ignores else ""
    yield "optional" if port.optional and port.name not in loaded.needs else ""
    yield "one or several" if port.many else ""
    yield "/".join(loaded.accepts.get(port.name, ()))
    yield f"sees only {', '.join(loaded.reads[port.name])}" if port.name in loaded.reads else ""


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(one) for one in several)
    if "enum" in schema or "const" in schema:
        return " | ".join(str(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"mapping to {_type(schema.get('additionalProperties', {}))}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = "".join(f" {sign} {schema[key]}" for key, sign in bounds.items() if key in schema)
    kind = "mapping" if "$ref" in schema else schema.get("type") or schema.get("$comment", "any")
    return f"{kind}{limits}"
