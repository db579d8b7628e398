"""`slmworks plugins`: list by stage, or show one."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from slmworks.contract.catalog import Plugin


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the installed plugins by stage. `slmworks plugins show NAME` gives the options of one."""
    if ctx.invoked_subcommand is None:
        _list()


def _list() -> None:
    from slmworks.cli.console import columns, console
    from slmworks.contract import catalog
    from slmworks.contract.errors import SlmworksError

    table = columns("stage", "plugin", "from", "what it does", wrap="what it does")
    for stage in catalog.STAGES:
        found = catalog.plugins(stage)
        if not found:
            table.add_row(
                stage, "–", "", f"(none installed) {_first(catalog.stage_class(stage).__doc__)}", style="dim"
            )
        for name, plugin in found.items():
            try:
                line = _first(plugin.load().__doc__)
            except SlmworksError as error:
                line = f"broken: {str(error).splitlines()[0]}"
            table.add_row(stage, name, f"{plugin.distribution} {plugin.version}", line)
    console().print(table)


@plugins.command()
@click.argument("name")
def show(name: str) -> None:
    """Show one plugin: its ports, and every option with type, default and meaning. NAME or STAGE/NAME."""
    from slmworks.contract import catalog
    from slmworks.contract.errors import BadRequest, did_you_mean

    stage, _, word = name.rpartition("/")
    known = [p for s in ((stage,) if stage else catalog.STAGES) for p in catalog.plugins(s).values()]
    found = [plugin for plugin in known if plugin.name == word]
    if not found:
        raise BadRequest(f"no such plugin '{name}'. {did_you_mean(word, {p.name for p in known})}")
    for plugin in found:
        _show(plugin)


def _show(plugin: "Plugin") -> None:
    import inspect

    from slmworks.contract import catalog
    from slmworks.contract.stage import output, ports

    loaded, contract = plugin.load(), catalog.stage_class(plugin.stage)
    click.echo(f"{plugin.stage} {plugin.name} · {plugin.distribution} {plugin.version}\n")
    click.echo(inspect.cleandoc(loaded.__doc__ or "").rstrip())
    click.echo(f"\nmakes  {output(contract).kind}{f' ({loaded.produces})' if loaded.produces else ''}\nfrom")
    for port in ports(contract).values():
        kind = port.kind.kind if port.kind else "any names: paths and URLs"
        notes = [
            "ignored" if port.name in loaded.ignores else "",
            "optional" if port.optional and port.name not in loaded.needs else "",
            "one or several" if port.many else "",
            "/".join(loaded.accepts.get(port.name, ())),
            f"sees only {', '.join(loaded.reads[port.name])}" if port.name in loaded.reads else "",
        ]
        click.echo(f"  {port.name}: {kind}{''.join(f' · {note}' for note in notes if note)}")
    click.echo("with" if loaded.model_fields else "with   (no options)")
    schema = loaded.model_json_schema()
    for name, option in schema.get("properties", {}).items():
        _option(name, option, required=name in schema.get("required", []))
    click.echo()


def _option(name: str, schema: dict[str, Any], *, required: bool) -> None:
    import json
    import textwrap

    default = " (required)" if required else f" = {json.dumps(schema.get('default', {}), ensure_ascii=False)}"
    click.echo(f"  {name}: {_type(schema)}{default}")
    text = str(schema.get("description", ""))
    click.echo(textwrap.fill(text, 96, initial_indent="      ", subsequent_indent="      "))


def _type(schema: Any) -> str:
    if not isinstance(schema, dict):
        return "any"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " | ".join(str(one) for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        return f"mapping to {_type(schema.get('additionalProperties', {}))}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = "".join(f" {sign} {schema[key]}" for key, sign in bounds.items() if key in schema)
    return f"{schema.get('type', 'any')}{limits}"


def _first(doc: str | None) -> str:
    return (doc or "").strip().splitlines()[0] if (doc or "").strip() else ""
