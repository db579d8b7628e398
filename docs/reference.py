#!/usr/bin/env python3
"""Writes plugins.md and cli.md from the installed plugins and commands; a test finds stale ones.

python docs/reference.py            writes both
python docs/reference.py --check    exit 1 if one is stale
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from slmworks.authoring.reference import markdown
from slmworks.cli.main import cli

DOCS = Path(__file__).parent
WIDTH = 100
"""Columns of a command's help."""
PLUGINS = """\
# Plugins

Written by `make docs` from the plugins of this repository. A recipe's step names one with `uses`, its inputs
with `from` and its options with `with`. `slmworks plugins` lists those that are installed, a stranger's too.

"""
COMMANDS = """\
# Commands

Written by `make docs` from `--help`.

"""


def distributions() -> list[str]:
    """The distributions of this repository."""
    files = [DOCS.parent / "pyproject.toml", *sorted(DOCS.parent.glob("plugins/*/pyproject.toml"))]
    return [tomllib.loads(file.read_text(encoding="utf-8"))["project"]["name"] for file in files]


def helps(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """The help of a command, then of those below it."""
    width = {} if parent else {"terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings, **width)
    yield f"## {context.command_path}\n\n```\n{command.get_help(context).rstrip()}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            if found := command.get_command(context, below):
                yield from helps(found, below, context)


def pages() -> dict[Path, str]:
    """File -> its text."""
    return {
        DOCS / "plugins.md": PLUGINS + markdown(distributions()),
        DOCS / "cli.md": COMMANDS + "\n".join(helps(cli, "slmworks")),
    }


def main(words: list[str]) -> int:
    """Write the pages, or say which are stale."""
    stale = [file for file, text in pages().items() if not file.exists() or file.read_text("utf-8") != text]
    for file in stale:
        if "--check" in words:
            print(f"docs/{file.name} is stale: make docs")
        else:
            file.write_text(pages()[file], encoding="utf-8")
    return 1 if stale and "--check" in words else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
