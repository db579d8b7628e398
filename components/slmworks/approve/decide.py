"""Decisions about a version, written to the approval log: from the command line and from a form."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from slmworks.approve.compared import not_compared
from slmworks.approve.reviewers import how_established, not_requester, reviewers_of
from slmworks.contract.errors import BadRequest
from slmworks.contract.plain_text import one_line
from slmworks.registry.log import Registry
from slmworks.registry.state import Entry, ModelState

UNCOMPARED = "; not compared with the champion"
"""Added to how a decision was established, if the gate did not compare with today's champion."""
NOBODY = "nobody"
"""Who decides when the time to answer is over."""
DONE = {"approve": "approved", "reject": "rejected"}
"""Action -> the status that it gives."""


@dataclass(frozen=True)
class Decision:
    """A person's decision about one version."""

    action: Literal["approve", "reject"]
    who: str
    how: str
    """How it is known who decides."""
    why: str


def write(
    registry: Registry, name: str, version: int, decision: Decision, *, seen: ModelState, compared: bool
) -> Entry:
    """Write a decision to the log. `seen`: the state it was taken on; `compared`: with today's champion."""
    words = {"who": decision.who, "how": decision.how, "why": decision.why}
    if decision.action == "reject":
        return registry.reject(name, version, **words)
    if not compared:
        words["how"] += UNCOMPARED
    return registry.approve(name, version, **words, seen=seen)


def claimed(
    registry: Registry,
    name: str,
    version: int | None,
    decision: Decision,
    *,
    role: str,
    groups: Mapping[str, Container[str]],
    uncompared: bool,
) -> Entry:
    """Write a decision from the command line, where a user's name is a claim; default: the candidate.

    BadRequest if the recipe asks others to decide (see `how_established`), or if the version was not compared
    with today's champion and `uncompared` does not accept that.
    """
    number = candidate(registry, name) if version is None else version
    state = registry.state(name)
    chosen = state.version(number)  # a version that isn't there is said before who may decide
    asked = reviewers_of(registry.store, name, number)
    way_out = f"slmworks {decision.action} {name} {number} --because '…'"
    how = how_established(asked.among, decision.who, role, groups, way_out=way_out)
    if decision.action == "approve":
        how += not_requester(asked, chosen.registered, decision.who, known=False)
    problem = not_compared(registry.store, state, chosen) if decision.action == "approve" else ""
    if problem and not uncompared:
        raise BadRequest(
            f"{problem} Run its recipe again (its gate needs `champion:`), or approve it as it is: "
            f"{way_out} --uncompared"
        )
    return write(registry, name, number, replace(decision, how=how), seen=state, compared=not problem)


def answered(
    registry: Registry, name: str, version: int, decision: Decision, *, seen: ModelState, compared: bool
) -> tuple[Entry, bool]:
    """Write a form's answer: the entry, and False if the same was decided already.

    `seen` and `compared` are of the moment at which the form was shown. BadRequest if the version was decided
    otherwise since, or another one became the champion: the first decision counts.
    """
    found = registry.state(name).version(version)
    done = found.decided
    if done is None:
        return write(registry, name, version, decision, seen=seen, compared=compared), True
    if found.status == DONE[decision.action]:
        return done, False
    who = decision.who if decision.who != NOBODY else "anybody"
    raise BadRequest(
        f"{name} v{version} was {found.status} by {one_line(done.who)} on {done.when[:10]} "
        f"({one_line(done.why)}), before {one_line(who)} answered {decision.action} here. "
        f"The first decision counts; see slmworks models {name}."
    )


def candidate(registry: Registry, name: str) -> int:
    """Number of the version that waits for a decision; BadRequest if none does."""
    state = registry.state(name)
    if state.candidate is None:
        champion = f"v{state.champion.number} is champion" if state.champion else "there is no champion"
        raise BadRequest(
            f"{name}: no version waits for a decision ({champion}). See `slmworks models {name}`."
        )
    return state.candidate.number
