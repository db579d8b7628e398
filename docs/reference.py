#!/usr/bin/env python3
"""Writes what the docs say of plugins, commands and formats, from the code; a test finds what is stale.

python docs/reference.py            writes plugins.md, plugins/, cli.md and the tables of the pages of formats
python docs/reference.py --check    exit 1 if one of them is stale
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
from pydantic import BaseModel

from slmworks.authoring import operator_reference
from slmworks.authoring.formats import keys, schema_keys, sections
from slmworks.authoring.reference import overview, page
from slmworks.cli.main import cli
from slmworks.contract.catalog import STAGES
from slmworks.contract.manifest import File, Manifest
from slmworks.engines.engine_file import engine_schema
from slmworks.execution.records import Edit, RunRecord, TaskRecord
from slmworks.recipe.schema import recipe_schema
from slmworks.registry.state import Entry

DOCS = Path(__file__).parent
WIDTH = 100
"""Columns of a command's help."""
PLUGINS = """\
# Plugins

Written by `make docs` from the plugins of this repository. A recipe's step names one with `uses`, its inputs
with `from` and its options with `with`. `slmworks plugins` lists those that are installed, a stranger's too.

"""
OPERATORS = """
## Row operators

Curations list them: [curation.md](curation.md#row-operators).

"""
COMMANDS = """\
# Commands

Written by `make docs` from `--help`.

"""
FOOT = """
What the stage promises: [its README](../../components/slmworks/{stage}/README.md). All stages:
[plugins.md](../plugins.md). Written by `make docs` from the plugins.
"""
JSON: dict[str, type[BaseModel]] = {
    "manifest": Manifest, "file": File, "run": RunRecord, "edit": Edit, "task": TaskRecord, "entry": Entry,
}  # fmt: skip
"""Part of formats.md -> what reads it."""
LINKS = {"File": "manifest", "Manifest": "manifest", "Edit": "run-record"}


def distributions() -> list[str]:
    """The distributions of this repository."""
    files = [DOCS.parent / "pyproject.toml", *sorted(DOCS.parent.glob("plugins/*/pyproject.toml"))]
    return [tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"] for file in files]


def helps(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Path and help of a command, then of those below it."""
    width = {} if parent else {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings, **width)
    yield f"## {context.command_path}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            if found := command.get_command(context, below):
                yield from helps(found, below, context)


def tables() -> dict[Path, dict[str, str]]:
    """Page -> name of a part of it -> its tables."""
    recipe = recipe_schema()
    words = {name: schema_keys(recipe["$defs"][name]) for name in ("step", "orders", "candidates")}
    return {
        DOCS / "recipe.md": {"recipe": schema_keys(recipe), **words},
        DOCS / "engine-file.md": {"settings": sections(engine_schema())},
        DOCS / "formats.md": {name: keys(model, LINKS) for name, model in JSON.items()},
    }


def filled(text: str, parts: dict[str, str]) -> str:
    """A page with its tables between their marks, `<!-- begin: NAME -->` and `<!-- end: NAME -->`."""
    for name, table in parts.items():
        marks = f"<!-- begin: {name} -->", f"<!-- end: {name} -->"
        place = re.compile(f"{marks[0]}\n.*?{marks[1]}", re.DOTALL)
        if not place.search(text):
            raise KeyError(f"no place for the table '{name}': {marks[0]}")
        block = "\n\n".join((marks[0], table, marks[1]))
        text = place.sub(lambda _, block=block: block, text)
    return text


def reference(stage: str, ours: list[str]) -> str:
    """A stage's page; that of curate has the row operators too."""
    operators = f"\n{operator_reference.section(ours)}" if stage == "curate" else ""
    return page(stage, ours) + operators + FOOT.format(stage=stage)


def pages() -> dict[Path, str]:
    """File -> its text."""
    ours = distributions()
    return {
        DOCS / "plugins.md": PLUGINS + overview(ours) + OPERATORS + operator_reference.overview(ours),
        **{DOCS / f"plugins/{stage}.md": reference(stage, ours) for stage in STAGES},
        DOCS / "cli.md": COMMANDS + "\n".join(helps(cli, "slmworks")),
        **{file: filled(file.read_text("utf-8"), parts) for file, parts in tables().items()},
    }


def main(words: list[str]) -> int:
    """Write the pages, or say which are stale."""
    made = pages()
    stale = [file for file, text in made.items() if not file.exists() or file.read_text("utf-8") != text]
    for file in stale:
        if "--check" in words:
            print(f"docs/{file.relative_to(DOCS)} is stale: make docs")
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_text(made[file], encoding="utf-8")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
