"""Check that the person who decides is a reviewer named by the recipe.

A user's name on the command line is a claim. The check keeps honest people from deciding in place of
others; it is no lock. The lock is the write permission on the store's `registry/`.
"""

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field

from slmworks.contract.catalog import traits
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.execution.history import runs_with
from slmworks.execution.records import task_records

if TYPE_CHECKING:
    from slmworks.registry.state import Entry
    from slmworks.store import Store


class Reviewers(Documented):
    """Who may decide."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_by_alias=True, validate_by_name=True, serialize_by_alias=True
    )

    among: tuple[str, ...] = ()
    """Users or groups; none: anybody."""
    but: Annotated[Literal["requester"] | None, Field(alias="not")] = None
    """`requester`: who started the run may reject what it made, but not approve it."""

    @classmethod
    def of(cls, option: Any) -> "Reviewers":
        """Those of an approve step's option `reviewers`: a list of names, or a mapping."""
        if isinstance(option, Mapping):
            return cls.model_validate(option)
        return cls(among=tuple(str(one) for one in option or ()))


def reviewers_of(store: "Store", name: str, version: int) -> Reviewers:
    """Reviewers named by the approve step of the last run that brought this version to it."""
    for run in runs_with(store, name, version):
        asked = [edge.get("options", {}) for edge in run.plan if traits(edge["stage"]).barrier]
        if not asked:  # an orchestrator's run has its plan when it is closed
            asked = [task.options for task in task_records(store, run.run) if task.traits.barrier]
        if asked:
            return Reviewers.of(asked[0].get("reviewers", ()))
    return Reviewers()


def not_requester(asked: Reviewers, registered: "Entry", who: str, *, known: bool) -> str:
    """Text for the log on whether who approves is another one than who started the run; empty if unasked.

    `known`: `who` is signed in, not merely claimed. BadRequest for the requester's own approval.
    """
    if asked.but is None:
        return ""
    if not registered.started_by:
        return "; who started the run is not known"
    sure = known and not registered.started_how.startswith("claimed")
    if who == registered.started_by:
        claims = "" if sure else " (as far as is claimed)"
        raise BadRequest(
            f"{registered.name} v{registered.version}: {who} started the run that made it{claims}, and the "
            "recipe asks somebody else to approve it (reviewers: {not: requester})."
        )
    return "; not who started the run" if sure else "; not who started the run, as far as is claimed"


def how_established(
    asked: tuple[str, ...], who: str, role: str, groups: Mapping[str, Container[str]], *, way_out: str
) -> str:
    """Text for the log on how it is known that `who` may decide; BadRequest if they may not.

    `role`: the reviewer (a group, or another user) in whose place `who` claims to decide; empty: oneself.
    `groups`: those whose users the engine file names.
    """
    if role and role not in asked:
        named = ", ".join(asked) or "nobody in particular"
        raise BadRequest(f"--as {role}: the recipe asks {named} to decide.")
    if role and who not in groups.get(role, (who,)):
        raise BadRequest(f"--as {role}: '{who}' is not among its users in the engine file.")
    if role:
        return f"claimed: command line, for {role}, whom the recipe asks"
    if not asked:
        return "claimed: command line"
    if who in asked:
        return "claimed: command line, a reviewer of the recipe"
    belongs = next((group for group in asked if who in groups.get(group, ())), "")
    if belongs:
        return f"claimed: command line, of {belongs}, whom the recipe asks"
    open_groups = [group for group in asked if group not in groups]
    way = f" Who belongs to a group that is, says so: {way_out} --as {open_groups[0]}" if open_groups else ""
    raise BadRequest(f"the recipe asks {', '.join(asked)} to decide, and '{who}' is not among them.{way}")
