#!/usr/bin/env python3
"""Carries the comments of the chart's values.yaml into its README and schema; a test finds stale ones.

    python helm/readme.py            writes both
    python helm/readme.py --check    exit 1 if one is stale

It understands the plain YAML of values.yaml (two spaces a level, a `# --` comment above each key), no more.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

CHART = Path(__file__).parent / "slmworks"
BEGIN, END = "<!-- values: made by helm/readme.py -->", "<!-- end of values -->"


@dataclass(frozen=True)
class Key:
    """One key of values.yaml."""

    path: tuple[str, ...]
    said: str
    """Its comment, in one line."""
    default: Any


def keys(text: str) -> Iterator[Key]:
    """Every key that has a comment, in order."""
    values = YAML(typ="safe").load(text)
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if found := re.match(r" *# -- (.*)", line):
            comment = [found[1]]
        elif comment and (found := re.match(r" *# (.*)", line)):
            comment.append(found[1])
        elif comment and (found := re.match(r"( *)([A-Za-z]\w*):", line)):
            path[len(found[1]) // 2 :] = [found[2]]
            default = values
            for name in path:
                default = default[name]
            yield Key(tuple(path), " ".join(comment), default)
            comment = []


def table(text: str) -> str:
    """The README's part about values: a section and a table for each key at the top."""
    lines: list[str] = []
    sections = [key for key in keys(text) if len(key.path) == 1]
    parents = {key.path[:length] for key in keys(text) for length in range(1, len(key.path))}
    for section in sorted(sections, key=lambda key: key.path in parents):
        if section.path in parents:
            lines += ["", f"### {section.path[0]}", "", section.said]
        if section.path in parents or not lines:
            lines += ["", "| value | default | |", "|---|---|---|"]
        lines += [
            f"| `{'.'.join(key.path)}` | {shown(key.default)} | {key.said.replace('|', chr(92) + '|')} |"
            for key in keys(text)
            if key.path[0] == section.path[0] and key.path not in parents
        ]
    return "\n".join(lines[1:])


def shown(default: Any) -> str:
    """A default as one would write it."""
    return "" if default in ("", {}, [], None) else f"`{json.dumps(default, ensure_ascii=False)}`"


def described(schema: dict[str, Any], text: str) -> dict[str, Any]:
    """The schema, with the comments as descriptions. What several places share (`$ref`) describes itself."""
    for key in keys(text):
        place = schema
        for name in key.path:
            place = place.get("properties", {}).get(name, {})
        if place:
            place["description"] = key.said
    return schema


def written() -> dict[Path, str]:
    """Both files as they should be."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    readme, schema = CHART / "README.md", CHART / "values.schema.json"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    found = json.loads(schema.read_text(encoding="utf-8"))
    return {
        readme: f"{before}{BEGIN}\n{table(text)}\n{END}{after}",
        schema: json.dumps(described(found, text), indent=2, ensure_ascii=False) + "\n",
    }


def main() -> int:
    """Write, or say what is stale."""
    stale = {path: text for path, text in written().items() if path.read_text(encoding="utf-8") != text}
    for path, text in stale.items():
        if "--check" in sys.argv:
            print(f"{path}: stale. Run: python helm/readme.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
