"""`slmworks`: finds the command, and turns errors into one line and an exit code.

Commands of the core are imported when they are called. A plugin family brings its own by entry point
(`slmworks.command`), a click command in a module that imports little: it is also imported to list commands.
"""

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from slmworks import __version__
from slmworks.cli.console import say
from slmworks.contract.errors import SlmworksError, exit_of
from slmworks.contract.plain_text import one_line
from slmworks.machine.process import stop

if TYPE_CHECKING:
    from slmworks.contract.catalog import Offered

COMMANDS = {
    "run": ("slmworks.cli.run", "Run a recipe on this machine, up to the approval."),
    "plan": ("slmworks.cli.plan", "Show the tasks of a recipe: what is cached, what would be run."),
    "check": ("slmworks.cli.check", "Check a recipe and start nothing."),
    "compile": ("slmworks.cli.compile", "Write a recipe as a pipeline for Kubeflow."),
    "submit": ("slmworks.cli.submit", "Run a recipe on Kubeflow, once or on a schedule."),
    "cancel": ("slmworks.cli.cancel", "Stop a run on Kubeflow, or end a schedule."),
    "plugins": ("slmworks.cli.plugins", "List the plugins, show or check one, begin a new one."),
    "runs": ("slmworks.cli.runs", "List the runs, or show one."),
    "compare": ("slmworks.cli.compare", "Set runs or versions beside one another."),
    "leaderboard": ("slmworks.cli.compare", "List a model's versions with their numbers."),
    "ledger": ("slmworks.cli.ledger", "List what teachers produced and cost, or show who used it."),
    "models": ("slmworks.cli.models", "List registered models and who decided what."),
    "lineage": (
        "slmworks.cli.lineage",
        "Walk from a model back to its source files; `lineage sync` uploads.",
    ),
    "approve": ("slmworks.cli.decide", "Approve a version: it becomes the champion."),
    "reject": ("slmworks.cli.decide", "Turn a version down."),
    "rollback": ("slmworks.cli.decide", "Make the previous champion the champion again."),
    "deploy": ("slmworks.cli.deploy", "Put an approved model where the engine file says it is served."),
    "pull": ("slmworks.cli.pull", "Bring an approved model into a folder, to be served from there."),
    "gc": ("slmworks.cli.gc", "Let go of what no release and no recent run needs."),
    "ui": ("slmworks.cli.ui", "Open MLflow on this store's lineage and registry."),
    "schema": ("slmworks.cli.schema", "Print the JSON schema of recipes or engine files, for editors."),
    "task": ("slmworks.cli.task", "Run one task (what engines start)."),
    "close": ("slmworks.cli.close", "End the record of a run on a cluster (what its pipeline starts last)."),
}


class Commands(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of a day's work; then those of plugin families."""
        return list(COMMANDS | _family_commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name in COMMANDS:
            found: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
            return found
        return _load(cmd_name) if cmd_name in _family_commands() else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands; of these only plugin families' are imported."""
        lines = [(name, line) for name, (_, line) in COMMANDS.items()]
        lines += [(name, _help_line(name)) for name in _family_commands() if name not in COMMANDS]
        with formatter.section("Commands"):
            formatter.write_dl(lines)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or offer the nearest."""
        from slmworks.contract.errors import did_you_mean

        name = args[0]
        if name not in COMMANDS and name not in _family_commands() and not name.startswith("-"):
            hint = did_you_mean(name, COMMANDS | _family_commands())
            raise click.UsageError(
                f"no such command '{name}'. {hint} Plugin families bring commands of their own; "
                "`slmworks plugins` lists what is installed."
            )
        return super().resolve_command(ctx, args)


def _family_commands() -> "dict[str, Offered]":
    """The commands of installed plugin families. Looked for only where a name is none of the core's."""
    from slmworks.contract.catalog import commands

    return commands()


def _load(name: str) -> click.Command:
    from slmworks.contract.catalog import BrokenPlugin

    offered = _family_commands()[name]
    try:
        found = offered.load()
    except Exception as error:  # noqa: BLE001 (a stranger's module may raise anything)
        raise BrokenPlugin(
            f"the command '{name}' cannot be imported from {offered.distribution}: {error}. "
            f"Install it again: pip install --force-reinstall {offered.distribution}"
        ) from None
    if not isinstance(found, click.Command):
        raise BrokenPlugin(f"the command '{name}' of {offered.distribution} is not a click command.")
    return found


def _help_line(name: str) -> str:
    try:
        return _load(name).get_short_help_str(limit=80)
    except SlmworksError as error:
        return one_line(f"broken: {error}")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="slmworks")
def cli() -> None:
    """One recipe from data and a teacher to an approved small language model.

    Exit codes: 0 done, 1 failed, 2 bad request, 99 refused by a gate.
    """


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Entry point of the console script; `words` are its arguments, the command line's when left out."""
    signal.signal(signal.SIGTERM, stop)
    try:
        code = cli(words, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        code = 2
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "slmworks"
        say(f"{path}: {error.format_message()} See: {path} --help", err=True)
        code = 2
    except (SlmworksError, OSError, KeyboardInterrupt, click.Abort) as error:
        line, code = exit_of(KeyboardInterrupt() if isinstance(error, click.Abort) else error)
        say(line, err=True)
    sys.exit(code if isinstance(code, int) else 0)
