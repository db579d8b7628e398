"""`slmworks models`."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.places import store_option

if TYPE_CHECKING:
    from slmworks.decisions import Version


@click.command()
@click.argument("name", required=False)
@store_option
def models(name: str | None, store_url: str) -> None:
    """List every registered model: champion, candidate, previous, and who decided what and why."""
    from slmworks.cli.console import columns, console
    from slmworks.registry import Registry
    from slmworks.store import open_store

    registry = Registry(open_store(store_url))
    names = [name] if name else registry.names()
    if not names:
        click.echo(
            f"no model is registered in {registry.store.root} yet; a recipe's register step does that."
        )
        return
    table = columns("model", "version", "status", "alias", "digest", "decided", "because", wrap="because")
    for one in names:
        state = registry.state(one)
        aliases = {number: alias for alias, number in state.aliases.items()}
        for version in reversed(state.versions):
            decided, why = _decision(version)
            table.add_row(
                one,
                f"v{version.number}",
                version.status,
                aliases.get(version.number, ""),
                version.registered.model_digest[:12],
                decided,
                why,
            )
    console().print(table)


def _decision(version: "Version") -> tuple[str, str]:
    entry = version.decided
    if entry is None:
        return "", ""
    return f"{entry.when[:16].replace('T', ' ')} by {entry.who} ({entry.how.partition(':')[0]})", entry.why
