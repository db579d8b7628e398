"""`slmworks approve`, `reject` and `rollback`: decisions of a person, written to the log."""

from typing import TYPE_CHECKING, Literal

import click

from slmworks.cli.console import say
from slmworks.cli.keys import signing_key_option
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line

if TYPE_CHECKING:
    from slmworks.deploy import Deploy
    from slmworks.registry.log import Registry
    from slmworks.registry.state import Entry

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
@signing_key_option
@with_places(tracking=True)
def approve(
    name: str,
    version: int | None,
    why: str,
    user: str | None,
    role: str,
    uncompared: bool,  # noqa: FBT001 - a flag of the command line
    places: Places,
) -> None:
    """Approve VERSION of NAME (default: the candidate): it becomes the champion.

    The log keeps who, how that is known, when, why and which digest. Where the recipe's approve step names
    reviewers, only they decide. A version that was not judged against today's champion is refused. Where the
    engine file says `kubeflow: {on_approval: submit}`, what follows the approval is submitted.
    """
    submits = places.engine.settings.kubeflow.on_approval == "submit"
    if submits:  # what is missing is said before anything is decided
        from slmworks.engines.kubeflow.pipeline import require_kfp

        require_kfp()
    entry = _decide("approve", name, version, why, user, role, places, uncompared=uncompared)
    if submits:
        _submit_after(places, name, entry.version)


@click.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@because_option
@user_option
@as_option
@signing_key_option
@with_places(tracking=True)
def reject(name: str, version: int | None, why: str, user: str | None, role: str, places: Places) -> None:
    """Turn VERSION of NAME (default: the candidate) down, or take an approved one out of service for good.

    It can't be served, and the same bytes stay rejected.
    """
    _decide("reject", name, version, why, user, role, places)


@click.command()
@click.argument("name")
@because_option
@user_option
@signing_key_option
@with_places(tracking=True)
def rollback(name: str, why: str, user: str | None, places: Places) -> None:
    """Make the previous champion of NAME the champion again. Anybody may: it is for emergencies.

    Where the engine file says where NAME is served (`deploy:`), it is put there too.
    """
    registry = _registry(places)
    by = places.engine.deployer(name)  # what is wrong with it is said before anything is decided
    entry = registry.rollback(name, who=user or _login(), how="claimed: command line", why=why)
    _show("rollback", registry, entry, places)
    if by is not None:
        _deploy_after(by, places, name)


def _decide(
    action: Literal["approve", "reject"],
    name: str,
    version: int | None,
    why: str,
    user: str | None,
    role: str,
    places: Places,
    *,
    uncompared: bool = False,
) -> "Entry":
    """Write the decision down and show it."""
    from slmworks.approve.decide import Decision, claimed

    registry = _registry(places)
    entry = claimed(
        registry,
        name,
        version,
        Decision(action, user or _login(), "", why),
        role=role,
        groups=places.engine.groups(),
        uncompared=uncompared,
    )
    _show(action, registry, entry, places)
    return entry


def _registry(places: Places) -> "Registry":
    from slmworks.registry.log import Registry

    return Registry(places.store)


def _login() -> str:
    from slmworks.registry.log import claimed_user

    return claimed_user()[0]


def _show(action: str, registry: "Registry", entry: "Entry", places: Places) -> None:
    """Print the decision, and bring MLflow's aliases up to date."""
    state = registry.state(entry.name)
    champion = f"v{state.champion.number}" if state.champion else "none"
    say(
        f"{action} {entry.name} v{entry.version} · model sha256:{entry.model_digest[:12]} · by "
        f"{one_line(entry.who)} · "
        f"champion: {champion}"
    )
    _project(places, entry.name)


def _submit_after(places: Places, name: str, version: int) -> None:
    """Submit the steps behind the approval. The approval stands even if that fails."""
    from slmworks.cli.submit import submit_after
    from slmworks.contract.errors import SlmworksError
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.runs import registered_in

    run = registered_in(places.store, name, version)
    if not run:
        say(f"submit nothing: no run on Kubeflow registered {name} v{version} with steps that follow")
        return
    try:
        submit_after(places.store, run, Pipelines.connect(places.engine.settings.kubeflow))
    except SlmworksError as error:
        again = f"slmworks submit --after {run}{places.again()}"
        raise type(error)(f"{error} The approval is written down; what follows it:  {again}") from None


def _deploy_after(by: "Deploy", places: Places, name: str) -> None:
    """Put the champion where it is served. The rollback stands even if that fails."""
    from slmworks.contract.errors import SlmworksError
    from slmworks.deploy.direct import deploy
    from slmworks.engines.lines import Lines

    try:
        deploy(places.store, name, None, by, Lines("deploy").event)
    except SlmworksError as error:
        again = f"slmworks deploy {name}{places.again()}"
        raise type(error)(f"{error} The rollback is written down; to try again:  {again}") from None


def _project(places: Places, name: str) -> None:
    """Bring the decision to MLflow. If it is down nothing is lost: the log is the record."""
    from slmworks.contract.errors import SlmworksError

    if not places.tracking_uri:
        return
    from slmworks.tracking.sync import sync_model

    try:
        sync_model(places.store, places.tracking_uri, name)
    except (SlmworksError, ModuleNotFoundError) as error:
        say(f"MLflow does not show it yet ({one_line(error)}); later: slmworks lineage sync", err=True)
