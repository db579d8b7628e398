"""Audit of approval logs: what was altered, deleted or forged, as far as anything shows it.

The chain shows a changed or missing entry that others follow. That the last ones were changed or taken away,
or a log written anew as a whole, shows only against what was kept elsewhere: the claims of run records, of
MLflow, and of a file with heads that an earlier audit printed. Signatures show who wrote an entry.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.registry import files, signatures
from slmworks.registry.files import LogFiles
from slmworks.registry.log import vouching
from slmworks.registry.state import Entry, replay

if TYPE_CHECKING:
    from slmworks.store import Store

_HEAD = re.compile(r"\b([A-Za-z0-9][A-Za-z0-9._-]{0,99}) (\d{6}) ([0-9a-f]{64})\b")
CLOCKS = timedelta(days=1)
"""By how much the clocks of two machines may differ."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What something outside of a log says must stand in it."""

    name: str
    source: str
    """Where it is said: `MLflow`, `runs/…/register.json`, `heads.txt`."""
    entries: int = 0
    """So many there are at least."""
    sha256: str = ""
    """Of the bytes of entry number `entries`."""
    version: int = 0
    """It was registered,"""
    release: str = ""
    """with this release,"""
    approved: bool = False
    """and approved once."""


@dataclass(frozen=True)
class Audit:
    """What an audit found in the log of one name."""

    name: str
    log: LogFiles
    problems: tuple[str, ...]
    signed: int
    """Decisions with a signature; whether it is trusted is among the problems."""
    decisions: int

    @property
    def head(self) -> str:
        """The line to keep elsewhere, for `kept`; empty for a log without entries."""
        if not self.log.written:
            return ""
        return f"{self.name} {self.log.written[-1].entry.seq:06d} {self.log.head}"


def audited(store: "Store", claims: Iterable[Claim]) -> list[str]:
    """Names of all logs of a store, and of those that something claims there was; sorted."""
    return sorted({*files.names(store), *(claim.name for claim in claims)})


def kept(path: Path) -> list[Claim]:
    """The heads in a file with what earlier audits printed; BadRequest where there are none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise BadRequest(f"--heads {path}: cannot be read ({error}).") from None
    found = [
        Claim(name=name, source=f"{path}:{number}", entries=int(seq), sha256=sha256)
        for number, line in enumerate(lines, start=1)
        for name, seq, sha256 in _HEAD.findall(line)
    ]
    if not found:
        raise BadRequest(f"--heads {path}: holds no head; keep what `slmworks models --audit` prints.")
    return found


def audit(store: "Store", name: str, claims: Iterable[Claim] = ()) -> Audit:
    """Check the log of a name, and hold it against the claims about that name."""
    log = files.read(store, name, copies=False)
    entries = [one.entry for one in log.written]
    decisions = [one for one in entries if one.action != "register"]
    problems = [*log.problems, *(f"{key}: is no entry of the log" for key in files.strangers(store, name))]
    problems += _dates(entries)
    if not log.problems:
        problems += _sense(name, entries)
    problems += _signatures(entries)
    for claim in claims:
        problems += _contradicted(log, claim) if claim.name == name else []
    signed = sum(1 for one in decisions if one.signature)
    return Audit(name, log, tuple(dict.fromkeys(problems)), signed, len(decisions))


def _dates(entries: list[Entry]) -> list[str]:
    """Entries that are dated long before the one that they follow."""
    found, latest = [], datetime.min.replace(tzinfo=UTC)
    for one in entries:
        key, time = files.key_of(one.name, one.seq), _time(one)
        if time is None:
            found.append(f"{key}: is dated '{one.when[:40]}', which is no time")
        elif latest - time > CLOCKS:
            found.append(f"{key}: is dated {time.date()}, and an entry before it {latest.date()}")
        else:
            latest = max(time, latest)
    return found


def _time(entry: Entry) -> datetime | None:
    try:
        return datetime.fromisoformat(entry.when).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _sense(name: str, entries: list[Entry]) -> list[str]:
    """What cannot follow from what; and a champion that no trusted key vouches for, where one must."""
    try:
        state = replay(name, entries)
    except CorruptObject as error:
        return [str(error)]
    keys = signatures.trusted()
    if keys is None or state.champion is None:
        return []
    return [
        f"{files.key_of(name, entry.seq)}: {what} {problem}, so v{state.champion.number} is not served"
        for what, entry in vouching(state, state.champion).items()
        if (problem := signatures.flaw(entry, keys))
    ]


def _signatures(entries: list[Entry]) -> list[str]:
    """Signatures that are wrong, and decisions without one after signing began."""
    keys = signatures.trusted()
    if keys is None:
        return []
    found, began = [], False
    for one in entries:
        problem = signatures.flaw(one, keys)
        began = began or not problem
        if problem and (one.signature or (began and one.action != "register")):
            found.append(f"{files.key_of(one.name, one.seq)}: {one.action} by {one.who} {problem}")
    return found


def _contradicted(log: LogFiles, claim: Claim) -> list[str]:
    """How a log contradicts a claim."""
    problem = _without(log, claim) or _without_version(log, claim)
    return [f"registry/{claim.name}/{problem}"] if problem else []


def _without(log: LogFiles, claim: Claim) -> str:
    """Why the log is not one that has the claim's last entry."""
    last = log.written[-1].entry.seq if log.written else 0
    if claim.entries > last:
        return f"{last + 1:06d}.json: was taken away: {claim.source} names entry {claim.entries:06d}"
    there = next((one.sha256 for one in log.written if one.entry.seq == claim.entries), "")
    if claim.sha256 and there != claim.sha256:
        return f"{claim.entries:06d}.json: is another one than {claim.source} names"
    return ""


def _without_version(log: LogFiles, claim: Claim) -> str:
    """Why the log does not bear out what a claim says of a version."""
    label = f"v{claim.version}"
    about = [one.entry for one in log.written if claim.version and one.entry.version == claim.version]
    registered = [one for one in about if one.action == "register"]
    if claim.version and not registered:
        return f": {label} was registered ({claim.source}), and no entry says so"
    if claim.release and registered[0].release != claim.release:
        held, named = registered[0].release[:12], claim.release[:12]
        return f"{registered[0].seq:06d}.json: says release {held} is {label}, {claim.source} says {named}"
    if claim.approved and not any(one.action == "approve" for one in about):
        return f": {label} was approved ({claim.source}), and no entry says so"
    return ""


__all__ = ["Audit", "Claim", "audit", "audited", "kept"]
