"""Reference of the JSON and YAML that people meet: keys of a pydantic model, or of a JSON schema, as tables.

Meanings are the strings under the fields. What is no mapping of fixed keys is described by hand.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from slmworks.authoring.reference import Option, table, type_of
from slmworks.contract.documented import docstrings


def keys(model: type[BaseModel], links: Mapping[str, str] | None = None) -> str:
    """A model's keys as a table; `links`: name of another model -> anchor of its table."""
    schema = model.model_json_schema()
    texts = docstrings(model)
    fields = {name: field for name, field in model.model_fields.items() if not field.exclude}
    meanings = {field.alias or name: texts.get(name, "") for name, field in fields.items()}
    shown = {
        name: {"description": meanings[name], **key}
        for name, key in schema["properties"].items()
        if name in meanings
    }
    return schema_keys({**schema, "properties": shown}, links)


def schema_keys(schema: Mapping[str, Any], links: Mapping[str, str] | None = None) -> str:
    """The keys of an object that a JSON schema describes, as a table."""
    return table("key", _keys(schema, links or {}))


def sections(schema: Mapping[str, Any]) -> str:
    """The keys of a schema's object, and a section for each object that it refers to."""
    parts: dict[str, Any] = {name: part for name, part in schema["$defs"].items() if "properties" in part}
    links = {name: name.lower() for name in parts}
    told = [schema_keys(schema, links)]
    for name, part in parts.items():
        told += [f"## {name}", part.get("description", ""), schema_keys(part, links)]
    return "\n\n".join(filter(None, told))


def _keys(schema: Mapping[str, Any], links: Mapping[str, str]) -> Iterator[Option]:
    for name, key in schema["properties"].items():
        default = None if name in schema.get("required", ()) else _default(key)
        yield Option(name, type_of(_with_links(key, links)), default, key.get("description", ""))


def _default(key: Mapping[str, Any]) -> str:
    given = key.get("default")
    if "default" not in key or (isinstance(given, dict) and given):
        return ""  # a table of its own shows it
    return json.dumps(given, ensure_ascii=False)


def _with_links(schema: Any, links: Mapping[str, str]) -> Any:
    """The schema with a link to its table in place of a reference to another model."""
    if isinstance(schema, list):
        return [_with_links(one, links) for one in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name in links:
        return {"type": f"[{name}](#{links[name]})"}
    return {key: _with_links(value, links) for key, value in schema.items()}
