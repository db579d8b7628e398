"""Decide whether a registered release may go past the approval step. No process waits here."""

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.execution.outcome import Outcome
from slmworks.registry.log import Registry
from slmworks.tracking.aliases import refuse_moved_champion


def barrier(registry: Registry, release: Manifest, tracking: str) -> Outcome | None:
    """Outcome of a release that may not pass: `skipped` while it is a candidate, else `refused` or `failed`.

    None if it may pass. `tracking`: address of an MLflow whose aliases may have been moved by hand; empty:
    none.
    """
    name, version = release.meta["name"], int(release.meta["version"])
    state = registry.state(name)
    status = state.version(version).status
    if status == "candidate":
        return Outcome("skipped", error=f"{name} v{version} waits for approval")
    if status != "approved":
        return Outcome("refused", error=f"{name} v{version} is {status}: see slmworks models {name}")
    if state.champion is not None and state.champion.number != version:
        return Outcome("refused", error=f"{name} v{version} was followed by v{state.champion.number}")
    if tracking:
        try:
            refuse_moved_champion(registry, tracking, name)
        except BadRequest as error:
            return Outcome("failed", error=str(error), code=2)
    return None
