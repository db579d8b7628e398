"""`slmworks models`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.keys import trusted_keys_option
from slmworks.cli.places import Places, with_places
from slmworks.contract.errors import BadRequest
from slmworks.numbers.figures import size

if TYPE_CHECKING:
    from slmworks.registry.state import Version
    from slmworks.store import Store


@click.command()
@click.argument("name", required=False)
@click.option(
    "--verify",
    metavar="VERSION",
    help="Download this version of NAME (a number or an alias) from MLflow and compare both digests.",
)
@click.option(
    "--audit",
    "audited",
    is_flag=True,
    help="Check every log (or NAME's): what was altered, deleted or forged; exit 1 if anything was.",
)
@click.option(
    "--heads",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="With --audit: what earlier audits printed, kept where nobody rewrites it.",
)
@trusted_keys_option
@with_places(tracking=True)
def models(
    name: str | None,
    verify: str | None,
    audited: bool,  # noqa: FBT001 - a flag of the command line
    heads: Path | None,
    places: Places,
) -> None:
    """List every registered model: champion, candidate, previous, and who decided what and why."""
    from slmworks.cli.console import Columns
    from slmworks.registry.log import Registry

    if audited:
        from slmworks.cli.audit import audit_logs

        audit_logs(places.store, name or "", heads, places.tracking_uri)
        return
    if heads:
        raise BadRequest(
            "--heads is what --audit holds the logs against: slmworks models --audit --heads FILE"
        )

    if verify is not None:
        _verify(places.store, name, verify, places.tracking_uri)
        return
    registry = Registry(places.store)
    names = [name] if name else registry.names()
    if not names:
        say(f"no model is registered in {registry.store} yet; a recipe's register step does that.")
        return
    named = ("model", "version", "status", "alias", "digest", "decided", "because")
    table = Columns(named, wrap=("decided", "because"))
    for one in names:
        state = registry.state(one)
        aliases = {number: alias for alias, number in state.aliases.items()}
        for version in reversed(state.versions):
            decided, why = _decision(version)
            table.add(
                one,
                f"v{version.number}",
                version.status,
                aliases.get(version.number, ""),
                version.registered.model_digest[:12],
                decided,
                why,
            )
    table.show()
    if name:  # whole: what the chart pins, and what `pull --digest` takes
        state = registry.state(name)
        for alias, number in state.aliases.items():
            digest = state.version(number).registered.model_digest
            say(f"{alias} v{number}  sha256:{digest}")


def _verify(store: "Store", name: str | None, which: str, uri: str) -> None:
    from slmworks.contract.errors import CorruptObject, did_you_mean
    from slmworks.registry.log import Registry

    if name is None or not uri:
        raise BadRequest("--verify needs a NAME, and MLflow to ask: slmworks models NAME --verify champion")
    state = Registry(store).state(name)
    if not which.isdigit() and which not in state.aliases:
        raise BadRequest(f"{name} has no '{which}'. {did_you_mean(which, state.aliases)} Or a number.")
    number = int(which) if which.isdigit() else state.aliases[which]
    version = state.version(number)
    from slmworks.tracking.check import check

    held = check(store, uri, name, number)
    if not held.same:
        raise CorruptObject(
            f"{name} v{number}: MLflow holds model sha256:{held.found.model[:12]} with wrapper "
            f"sha256:{held.found.wrapper[:12]}, the log names {held.entry.model_digest[:12]} and "
            f"{held.entry.wrapper_digest[:12]}{f' ({held.differing} differs)' if held.differing else ''}. "
            "Upload it again: slmworks lineage sync --check"
        )
    say(
        f"{name} v{number} in MLflow is what was registered: {held.files} files, {size(held.size)} "
        f"downloaded and hashed · model sha256:{held.found.model[:12]} · "
        f"wrapper sha256:{held.found.wrapper[:12]} · {version.status}"
    )


def _decision(version: "Version") -> tuple[str, str]:
    entry = version.decided
    if entry is None:
        return "", ""
    return f"{entry.when[:16].replace('T', ' ')} by {entry.who} ({entry.how.partition(':')[0]})", entry.why
