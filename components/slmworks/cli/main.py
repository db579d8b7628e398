"""`slmworks`: finds the command, and turns errors into one line and an exit code."""

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from slmworks import __version__
from slmworks.contract.errors import SlmworksError, exit_of
from slmworks.machine.process import stop

COMMANDS = {
    "run": ("slmworks.cli.run", "Run a recipe on this machine, up to the approval."),
    "plan": ("slmworks.cli.plan", "Show the tasks of a recipe: what is cached, what would be run."),
    "check": ("slmworks.cli.check", "Check a recipe and start nothing."),
    "compile": ("slmworks.cli.compile", "Write a recipe as a pipeline for Kubeflow."),
    "submit": ("slmworks.cli.submit", "Run a recipe on Kubeflow, once or on a schedule."),
    "cancel": ("slmworks.cli.cancel", "Stop a run on Kubeflow, or end a schedule."),
    "plugins": ("slmworks.cli.plugins", "List the plugins, or show one with its options."),
    "runs": ("slmworks.cli.runs", "List the runs, or show one."),
    "models": ("slmworks.cli.models", "List registered models and who decided what."),
    "lineage": (
        "slmworks.cli.lineage",
        "Walk from a model back to its source files; `lineage sync` uploads.",
    ),
    "approve": ("slmworks.cli.decide", "Approve a version: it becomes the champion."),
    "reject": ("slmworks.cli.decide", "Turn a version down."),
    "rollback": ("slmworks.cli.decide", "Make the previous champion the champion again."),
    "deploy": ("slmworks.cli.deploy", "Put an approved model where the engine file says it is served."),
    "serve": ("slmworks.cli.serve", "Serve an approved model over HTTP."),
    "pull": ("slmworks.cli.pull", "Bring an approved model into a folder, to be served from there."),
    "edge": ("slmworks.cli.edge", "Write an approved model as a folder that runs anywhere."),
    "ui": ("slmworks.cli.ui", "Open MLflow on this store's lineage and registry."),
    "schema": ("slmworks.cli.schema", "Print the JSON schema of recipes or engine files, for editors."),
    "task": ("slmworks.cli.task", "Run one task (what engines start)."),
    "close": ("slmworks.cli.close", "End the record of a run on a cluster (what its pipeline starts last)."),
}


class Commands(click.Group):
    """A group that imports a command only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command, or offer the nearest."""
        from slmworks.contract.errors import did_you_mean

        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no such command '{args[0]}'. {did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


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
        click.echo(error.format_message())
        code = 2
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "slmworks"
        click.echo(f"{path}: {error.format_message()} See: {path} --help", err=True)
        code = 2
    except (SlmworksError, OSError, KeyboardInterrupt, click.Abort) as error:
        line, code = exit_of(KeyboardInterrupt() if isinstance(error, click.Abort) else error)
        click.echo(line, err=True)
    sys.exit(code if isinstance(code, int) else 0)
