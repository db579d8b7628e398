"""The registry's log as MLflow shows it: registered models, versions, tags and aliases.

A picture: whatever somebody changed in MLflow by hand is put right from the log, never the other way.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Verdict
from slmworks.contract.plain_text import visible
from slmworks.execution.origins import Origins
from slmworks.lineage.ancestry import lineage_of, render
from slmworks.numbers import figures
from slmworks.packet.gather import packet
from slmworks.packet.markdown_text import code, cut, escaped, fenced
from slmworks.registry.state import ModelState, Version
from slmworks.store.contract import folder_or_none
from slmworks.tracking.aliases import HEAD, SHOWN, VERSION, Shown, moved, rewritten
from slmworks.tracking.connection import Tracking
from slmworks.tracking.entries import DIGEST, LONGEST
from slmworks.tracking.runs import PAGE, RELEASE

if TYPE_CHECKING:
    from slmworks.store import Store

ALIASES = ("candidate", "champion", "previous")
_STATES = {
    "candidate": "Waits for approval",
    "approved": "Approved",
    "rejected": "Rejected",
    "rolled-back": "Rolled back",
}
_MARK = "in slmworks' log"
"""What no note of a person has behind such a word."""
_DECISION = re.compile(rf"^(?:{'|'.join(_STATES.values())}) {_MARK} .*$", re.MULTILINE)
JUDGED = "verdict"
"""Tag: `passed` or `refused`."""
_ROOM = 1000
"""Characters that are kept free for a decision, so that a later one never pushes out what follows it."""


@dataclass
class Projection:
    """What a projection changed."""

    versions: int = 0
    """Versions that were created."""
    tags: int = 0
    aliases: int = 0
    """Aliases that were set, moved or removed."""
    waiting: int = 0
    """Versions whose release isn't uploaded yet."""
    moved: int = 0
    """1 when the champion's alias was moved by hand and left there."""


def project(tracking: Tracking, store: "Store", state: ModelState, *, overrule: bool = True) -> Projection:
    """Make MLflow show what the log says about one name.

    Without `overrule` an alias that somebody moved by hand stays, so that a person gets to know of it.
    """
    client, done = tracking.client, Projection()
    model = _registered_model(client, state.name)
    shown = shown_versions(client, state.name)
    for version in state.versions:
        number = str(version.number)
        if number not in shown:
            created = _create(tracking, store, version)
            if created is None:
                done.waiting += 1
                continue
            shown[number] = created
            done.versions += 1
        done.tags += _tag(client, store, shown[number], version)
    have = {alias: str(version) for alias, version in dict(model.aliases).items()}
    wanted = {  # one whose version isn't here yet stays where it is
        alias: str(shown[str(number)].version) if str(number) in shown else have.get(alias)
        for alias, number in state.aliases.items()
    }
    picture = _picture(model, have, shown)
    if not overrule and moved(state, picture):
        done.moved = 1
        return done
    done.aliases += _alias(client, state.name, have, wanted)
    if not done.waiting and not rewritten(state, picture):  # else they say what the log once was
        for tag, value in ((SHOWN, str(len(state.entries))), (HEAD, state.head)):
            if model.tags.get(tag) != value:
                client.set_registered_model_tag(state.name, tag, value)
    return done


def shown_versions(client: Any, name: str) -> dict[str, Any]:
    """Our number -> MLflow's version. Of doubles (a request that was sent twice) the later ones go."""
    found: dict[str, Any] = {}
    versions = client.search_model_versions(f"name = '{name}'")
    for version in sorted(versions, key=lambda version: int(version.version)):
        number = version.tags.get(VERSION)
        if number in found:
            client.delete_model_version(name, version.version)
        elif number is not None:
            found[number] = version
    return found


def _picture(model: Any, have: dict[str, str], shown: dict[str, Any]) -> Shown:
    ours = {str(version.version): int(number) for number, version in shown.items()}
    upto = int(model.tags.get(SHOWN, 0))
    aliases = {alias: ours.get(version, 0) for alias, version in have.items()}
    return Shown(upto, aliases, model.tags.get(HEAD, ""))


def _registered_model(client: Any, name: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    client.create_registered_model(
        name,
        tags={"slmworks": "yes"},
        description="Released by slmworks. Approvals live in its log; aliases here are put right from it.",
    )
    return client.get_registered_model(name)


def _create(tracking: Tracking, store: "Store", version: Version) -> Any:
    """The MLflow version for one of ours, or None while its release isn't uploaded."""
    entry = version.registered
    holders = tracking.runs({RELEASE: entry.release})
    if not holders:
        return None
    holder = holders[0].info
    return tracking.client.create_model_version(
        entry.name,
        source=f"{holder.artifact_uri}/release",
        run_id=holder.run_id,
        tags=_judged(store, version) | _wanted_tags(version),  # the list shows the first ones
        description=_description(tracking, store, version),
    )


def _description(tracking: Tracking, store: "Store", version: Version) -> str:
    """What a reviewer reads: the decision, the packet, and the way back to the source files."""
    entry = version.registered
    origins = Origins(store)
    made = origins.of([entry.release]).get(entry.release)
    run = made.run if made else ""
    said = packet(store, entry.verdict, run)[0] if folder_or_none(store, entry.verdict) else ""
    way = render(lineage_of(store, _called(version), origins)).partition("\n")[2]
    whole = "\n\n".join(filter(None, [said.strip(), f"### Where it comes from\n\n{fenced(way)}"]))
    page = _page(tracking, entry.verdict)
    shown = cut(whole, LONGEST - _ROOM - len(page) - 4, "…" if page else _all_of(version))
    return "\n\n".join(filter(None, [_decision(version), page, shown]))


def _called(version: Version) -> str:
    return f"{version.registered.name}@{version.number}"


def _all_of(version: Version) -> str:
    """Where to read what was cut off."""
    return f"… All of it: {code(f'slmworks lineage {_called(version)}')}"


def _page(tracking: Tracking, verdict: str) -> str:
    """A link to the packet's page, which lies beside the gate's run in MLflow."""
    held = tracking.runs({DIGEST: verdict})
    if not held:
        return ""
    run = held[0].info
    there = f"#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/{PAGE}"
    return f"[The whole packet]({there}): answers gained and lost, slices, calibration, data card, lineage."


def _decision(version: Version) -> str:
    """The line of a description that is put right when the log goes on; at most `_ROOM` characters.

    It begins with the state in words: MLflow's list shows the first ones as they are written.
    """
    state = f"{_STATES[version.status]} {_MARK}"
    entry, decided = version.registered, version.decided
    when = escaped((decided or entry).when[:16].replace("T", " "))
    if decided is None:
        way_out = code(f"slmworks approve {entry.name} {entry.version} --because '…'")
        return f"{state} since {when} UTC. Promote in MLflow approves nothing, this does: {way_out}"
    who, how, why = escaped(decided.who, 80), escaped(decided.how, 160), escaped(decided.why, 600)
    return f"{state} by {who} ({how}) on {when} UTC: {why}"


def _wanted_tags(version: Version) -> dict[str, str]:
    entry, decided = version.registered, version.decided
    said = (
        {"who": decided.who, "how": decided.how, "when": decided.when, "why": decided.why} if decided else {}
    )
    return {
        "approval": version.status,
        "registered_by": visible(entry.started_by or entry.who)[
            :LONGEST
        ],  # nobody may set MLflow's own field
        **{f"approval.{key}": visible(value)[:LONGEST] for key, value in said.items()},
        VERSION: str(version.number),
        "slmworks.model_digest": entry.model_digest,
        "slmworks.wrapper_digest": entry.wrapper_digest,
        "slmworks.release": entry.release,
        "slmworks.verdict": entry.verdict,
    }


def _judged(store: "Store", version: Version) -> dict[str, str]:
    """What MLflow's list of versions is read by: verdict, measures of its table, share kept."""
    folder = folder_or_none(store, version.registered.verdict)
    if folder is None:
        return {}
    said = Verdict(path=folder).read()
    row: Mapping[str, Any] = next((one for one in said.get("rows", []) if one.get("chosen")), {})
    kept, linear = row.get("kept"), said.get("linear")
    return {
        JUDGED: "passed" if said.get("passed") else "refused",
        **{visible(name)[:LONGEST]: written for name, written in row.get("written", {}).items()},
        **({"kept": figures.percent(kept["value"])} if kept else {}),
        **({"against linear": str(linear["written"])} if linear and "written" in linear else {}),
    }


def _tag(client: Any, store: "Store", shown: Any, version: Version) -> int:
    """Put tags and the decision in the description right; notes that people added there stay."""
    wanted = _wanted_tags(version)
    if JUDGED not in shown.tags:  # by a version of slmworks that set none
        wanted |= _judged(store, version)
    stale = {key: value for key, value in wanted.items() if shown.tags.get(key) != value}
    for key, value in stale.items():
        client.set_model_version_tag(shown.name, shown.version, key, value)
    for key in shown.tags:
        if key.startswith("approval") and key not in wanted:
            client.delete_model_version_tag(shown.name, shown.version, key)
            stale[key] = ""
    have = shown.description or ""
    right = _DECISION.sub(lambda _: _decision(version), have, count=1)
    if right != have:
        client.update_model_version(shown.name, shown.version, cut(right, LONGEST, _all_of(version)))
    return len(stale)


def _alias(client: Any, name: str, have: Mapping[str, str], wanted: Mapping[str, str | None]) -> int:
    changed = 0
    for alias in ALIASES:
        target, now = wanted.get(alias), have.get(alias)
        if target == now:
            continue
        if target is None:
            client.delete_registered_model_alias(name, alias)
        else:
            _set_alias(client, name, alias, target)
        changed += 1
    return changed


def _set_alias(client: Any, name: str, alias: str, version: str) -> None:
    """Set an alias; two that create it at once collide inside MLflow, so once more."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(name, alias, version)
    except MlflowException:
        client.set_registered_model_alias(name, alias, version)
