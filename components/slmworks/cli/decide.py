"""`slmworks approve`, `reject` and `rollback`: a person's word, written to the log."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.places import (
    chosen_store,
    engine_file_option,
    engine_of,
    same_places,
    store_option,
    tracking_option,
    tracking_uri,
)
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from slmworks.deploy import Deploy
    from slmworks.engines.engine_file import EngineFile
    from slmworks.registry.log import Registry
    from slmworks.store import Store

because_option = click.option("--because", "why", required=True, help="The reason, for those who come later.")
user_option = click.option(
    "--user", envvar="SLMWORKS_USER", help="Who decides; default: your login name. Recorded as claimed."
)
as_option = click.option(
    "--as",
    "role",
    default="",
    metavar="REVIEWER",
    help="Decide for this reviewer (a group you belong to) whom the recipe asks. Recorded as claimed.",
)


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@because_option
@user_option
@as_option
@click.option(
    "--uncompared", is_flag=True, help="Approve although it was not judged against today's champion."
)
@engine_file_option
@store_option
@tracking_option
def approve(
    name: str,
    version: int | None,
    why: str,
    user: str | None,
    role: str,
    uncompared: bool,  # noqa: FBT001 - a flag of the command line
    engine_path: str | None,
    store_url: str,
    tracking: str,
) -> None:
    """Approve VERSION of NAME (default: the candidate): it becomes the champion.

    The log keeps who, how that is known, when, why and which digest. Where the recipe's approve step names
    reviewers, only they decide. A version that was not judged against today's champion is refused. Where the
    engine file says `kubeflow: {on_approval: submit}`, what follows the approval is submitted.
    """
    engine = engine_of(engine_path)
    store = chosen_store(store_url, engine)
    submits = engine.settings.kubeflow.on_approval == "submit"
    if submits:  # said before anything is decided
        from slmworks.engines.kubeflow.pipeline import require_kfp

        require_kfp()
    tracking = tracking or engine.settings.tracking or ""
    number = _decide(
        "approve", name, version, why, user, role, store, engine, tracking, uncompared=uncompared
    )
    if submits:
        _submit_after(engine, store, name, number)


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@because_option
@user_option
@as_option
@engine_file_option
@store_option
@tracking_option
def reject(
    name: str,
    version: int | None,
    why: str,
    user: str | None,
    role: str,
    engine_path: str | None,
    store_url: str,
    tracking: str,
) -> None:
    """Turn VERSION of NAME (default: the candidate) down, or take an approved one out of service for good.

    It can't be served, and the same bytes stay rejected.
    """
    engine = engine_of(engine_path)
    store = chosen_store(store_url, engine)
    _decide(
        "reject", name, version, why, user, role, store, engine, tracking or engine.settings.tracking or ""
    )


@click.command()
@click.argument("name")
@because_option
@user_option
@engine_file_option
@store_option
@tracking_option
def rollback(
    name: str, why: str, user: str | None, engine_path: str | None, store_url: str, tracking: str
) -> None:
    """Make the previous champion of NAME the champion again. Anybody may: it is for emergencies.

    Where the engine file says where NAME is served (`deploy:`), it is put there too.
    """
    engine = engine_of(engine_path)
    store = chosen_store(store_url, engine)
    by = engine.deployer(name)  # what is wrong with it is said before anything is decided
    _decide("rollback", name, None, why, user, "", store, engine, tracking or engine.settings.tracking or "")
    if by is not None:
        _deploy_after(by, store, name)


def _decide(
    action: str,
    name: str,
    version: int | None,
    why: str,
    user: str | None,
    role: str,
    store: "Store",
    engine: "EngineFile",
    tracking: str,
    *,
    uncompared: bool = False,
) -> int:
    """Write the decision down and show it; returns the version that it is about."""
    from slmworks.registry.log import Registry, claimed_user

    registry = Registry(store)
    who = user or claimed_user()[0]
    if action == "rollback":
        entry = registry.rollback(name, who=who, how="claimed: command line", why=why)
    else:
        from slmworks.approve.compared import not_compared
        from slmworks.approve.reviewers import how_established, reviewers_of

        number = _candidate(registry, name) if version is None else version
        state = registry.state(name)
        chosen = state.version(number)  # what there is not is said before who may decide
        asked = reviewers_of(store, name, number)
        way_out = f"slmworks {action} {name} {number} --because '…'"
        how = how_established(asked, who, role, engine.groups(), way_out=way_out)
        problem = not_compared(store, state, chosen) if action == "approve" else ""
        if problem and not uncompared:
            raise BadRequest(
                f"{problem} Run its recipe again (its gate needs `champion:`), or approve it as it is: "
                f"{way_out} --uncompared"
            )
        if problem:
            how += "; not compared with the champion"
        if action == "approve":
            entry = registry.approve(name, number, who=who, how=how, why=why, seen=state)
        else:
            entry = registry.reject(name, number, who=who, how=how, why=why)
    state = registry.state(name)
    champion = f"v{state.champion.number}" if state.champion else "none"
    click.echo(
        f"{action} {name} v{entry.version} · model sha256:{entry.model_digest[:12]} · by {who} · "
        f"champion: {champion}"
    )
    _project(store, tracking)
    return entry.version


def _candidate(registry: "Registry", name: str) -> int:
    state = registry.state(name)
    if state.candidate is None:
        champion = f"v{state.champion.number} is champion" if state.champion else "there is no champion"
        raise BadRequest(
            f"{name}: no version waits for a decision ({champion}). See `slmworks models {name}`."
        )
    return state.candidate.number


def _submit_after(engine: "EngineFile", store: "Store", name: str, version: int) -> None:
    """Submit what follows the approval. The approval stands, whatever comes of that."""
    from slmworks.cli.submit import submit_after
    from slmworks.contract.errors import SlmworksError
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.runs import registered_in

    run = registered_in(store, name, version)
    if not run:
        click.echo(f"submit nothing: no run on Kubeflow registered {name} v{version} with steps that follow")
        return
    try:
        submit_after(store, run, Pipelines.connect(engine.settings.kubeflow))
    except SlmworksError as error:
        again = f"slmworks submit --after {run}{same_places()}"
        raise type(error)(f"{error} The approval is written down; what follows it:  {again}") from None


def _deploy_after(by: "Deploy", store: "Store", name: str) -> None:
    """Put the champion where it is served. The rollback stands, whatever comes of that."""
    from slmworks.contract.errors import SlmworksError
    from slmworks.deploy.direct import deploy
    from slmworks.engines.lines import Lines

    try:
        deploy(store, name, None, by, Lines("deploy").event)
    except SlmworksError as error:
        again = f"slmworks deploy {name}{same_places()}"
        raise type(error)(f"{error} The rollback is written down; to try again:  {again}") from None


def _project(store: "Store", tracking: str) -> None:
    """Show the decision in MLflow too. The log is what counts: MLflow being down loses nothing."""
    from slmworks.contract.errors import SlmworksError

    uri = tracking_uri(store, tracking)
    if not uri:
        return
    from slmworks.tracking.sync import sync

    try:
        sync(store, uri)
    except (SlmworksError, ModuleNotFoundError) as error:
        click.echo(f"MLflow does not show it yet ({error}); later: slmworks lineage sync", err=True)
