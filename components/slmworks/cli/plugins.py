"""`slmworks plugins`: list by stage, show one, check one, or begin a new one."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say

if TYPE_CHECKING:
    from pydantic import BaseModel

    from slmworks.authoring.conformance import Result
    from slmworks.authoring.reference import Option
    from slmworks.cli.console import Columns
    from slmworks.contract.catalog import Plugin


OPERATOR = "operator"
"""Stands in the place of a stage for row operators, which curations list."""


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the installed plugins by stage. `slmworks plugins show NAME` gives the options of one."""
    if ctx.invoked_subcommand is None:
        _list()


def _list() -> None:
    from slmworks.authoring.reference import summary
    from slmworks.cli.console import Columns
    from slmworks.contract import catalog
    from slmworks.contract.errors import SlmworksError, first_line

    table = Columns(("stage", "plugin", "from", "what it does"), wrap=("what it does",))
    for stage in catalog.STAGES:
        found = catalog.plugins(stage)
        if not found:
            line = f"(none installed) {summary(catalog.stage_class(stage))}"
            table.add(stage, "–", "", line, style="dim")
        for name, plugin in found.items():
            try:
                line = summary(plugin.load())
            except SlmworksError as error:
                line = f"broken: {first_line(error)}"
            table.add(stage, name, f"{plugin.distribution} {plugin.version}", line)
        if stage == "curate":
            _list_operators(table)
    table.show()


def _list_operators(table: "Columns") -> None:
    from slmworks.authoring.reference import summary
    from slmworks.contract.errors import SlmworksError, first_line
    from slmworks.curate.operators import offered, operator_class

    for name, one in offered().items():
        try:
            line = summary(operator_class(name))
        except SlmworksError as error:
            line = f"broken: {first_line(error)}"
        table.add(OPERATOR, name, f"{one.distribution} {one.version}", line)


@plugins.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one plugin: its ports, and every option with type, default and meaning. NAME or STAGE/NAME.

    Row operators of curations are shown too: NAME or operator/NAME.
    """
    stages, operators = _meant(name)
    for plugin in stages:
        _show(plugin)
    for one in operators:
        _show_operator(one)


@plugins.command()
@click.argument("name")
def check(name: str) -> int:
    """Check that an installed plugin keeps the contract. NAME, STAGE/NAME or operator/NAME.

    One line a rule, with the way out where it is broken. Exit codes: 0 kept, 1 broken, 2 no such plugin.
    """
    from slmworks.authoring import conformance, operator_conformance

    stages, operators = _meant(name)
    checked = [(_title(plugin), conformance.check(plugin)) for plugin in stages]
    checked += [(_operator_title(one), operator_conformance.check(one)) for one in operators]
    for title, results in checked:
        say(title)
        _report(results)
    return 1 if any(result.breaches for _, results in checked for result in results) else 0


@plugins.command()
@click.argument("name")
@click.option("--stage", required=True, help="The stage that it is a plugin of: distill, gate, …")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder in which slmworks-NAME/ is made (default: this one).",
)
def new(name: str, stage: str, to: Path) -> None:
    """Write the skeleton of a plugin: a distribution slmworks-NAME with one class and its test."""
    from slmworks.authoring import skeleton

    root = skeleton.write(name, stage, to)
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        say(path)
    say(f"\nnext:  pip install --editable '{root}[run]'")
    say(f"       slmworks plugins check {stage}/{name}")
    say(f"       pytest {root}")


def _meant(name: str) -> "tuple[list[Plugin], list[str]]":
    """Plugins of stages, and row operators, that NAME, STAGE/NAME or operator/NAME means; or a BadRequest."""
    from slmworks.contract import catalog
    from slmworks.contract.errors import BadRequest, did_you_mean
    from slmworks.curate.operators import offered

    stage, _, word = name.rpartition("/")
    if stage not in ("", OPERATOR):
        catalog.stage_class(stage)
    stages = (stage,) if stage in catalog.STAGES else () if stage else catalog.STAGES
    known = [plugin for one in stages for plugin in catalog.plugins(one).values()]
    operators = list(offered()) if stage in ("", OPERATOR) else []
    found = [plugin for plugin in known if plugin.name == word], [one for one in operators if one == word]
    if not any(found):
        names = {plugin.name for plugin in known} | {*operators}
        raise BadRequest(f"no such plugin '{name}'. {did_you_mean(word, names)}")
    return found


def _title(plugin: "Plugin") -> str:
    return f"{plugin.stage} {plugin.name} · {plugin.distribution} {plugin.version}"


def _operator_title(name: str) -> str:
    from slmworks.curate.operators import offered

    one = offered()[name]
    return f"{OPERATOR} {name} · {one.distribution} {one.version}"


def _report(results: "Iterable[Result]") -> None:
    for result in results:
        if not result.breaches:
            say(f"✓ {result.rule}")
        for breach in result.breaches:
            say(f"✗ {result.rule}: {breach}")


def _show(plugin: "Plugin") -> None:
    import inspect

    from slmworks.authoring import reference

    loaded = plugin.load()
    say(f"{_title(plugin)}\n")
    say(inspect.cleandoc(loaded.__doc__ or "").rstrip())
    say(f"\nmakes  {reference.makes(plugin)}\nfrom")
    for name, notes in reference.inputs(plugin):
        say(f"  {name}: {' · '.join(notes)}")
    _options(loaded)


def _show_operator(name: str) -> None:
    import inspect

    from slmworks.curate.operators import operator_class

    loaded = operator_class(name)
    say(f"{_operator_title(name)}\n")
    say(inspect.cleandoc(loaded.__doc__ or "").rstrip())
    say(f"\nof     curate: with: {{operators: [{{{name}: {{OPTION: VALUE}}}}]}}")
    _options(loaded)


def _options(loaded: "type[BaseModel]") -> None:
    from slmworks.authoring import reference

    say("with" if loaded.model_fields else "with   (no options)")
    for option in reference.options(loaded):
        _option(option)
    say()


def _option(option: "Option") -> None:
    import textwrap

    default = " (required)" if option.default is None else f" = {option.default}"
    say(f"  {option.name}: {option.type}{default}")
    say(textwrap.fill(option.meaning, 96, initial_indent="      ", subsequent_indent="      "))
