"""The state that the approval log implies: versions, champion, previous, candidate.

Values and one pure function; `registry.log` reads and writes the log. Nobody edits an entry: what was
wrong is answered by another entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from slmworks.contract.errors import BadRequest, CorruptObject

Action = Literal["register", "approve", "reject", "rollback"]
Status = Literal["candidate", "approved", "rejected", "rolled-back"]


class Entry(BaseModel):
    """One line of the log. Every entry names the digests it speaks of."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    seq: int
    """Place in the log of this name, from 1, without gaps."""
    action: Action
    """What was done."""
    name: str
    """The registered name."""
    version: int
    """The registered, approved or rejected version; of a rollback: the one that is champion again."""
    model_digest: str
    """Tree digest of the release's `model/`, which is the model artifact's own digest."""
    wrapper_digest: str
    """Tree digest of everything else in the release but its header."""
    release: str
    """Digest of the release in the store, `objects/<release>`."""
    verdict: str
    """Digest of the verdict that let it in."""
    who: str
    """The person who decided; of a registration: who ran the step."""
    how: str
    """How it was established who that is: `claimed: user name of the command line`, `airflow`, …"""
    when: str
    """UTC, ISO 8601 with milliseconds."""
    why: str = ""
    """The reason that was given."""
    started_by: str = ""
    """Of a registration: who started the run; empty where nobody did, or nobody knows."""
    started_how: str = ""
    """How it was established who that is."""
    previous: str = ""
    """SHA-256 of the bytes of the entry before (of nothing, for the first); empty in old logs."""
    key: str = ""
    """SHA-256 of the public key (its DER form) that `signature` is checked with; empty: unsigned."""
    signature: str = ""
    """Ed25519 signature of all the rest, in base64 (`registry.signatures`)."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version and its decision."""

    number: int
    status: Status
    registered: Entry
    """The entry that brought it in."""
    decided: Entry | None
    """The entry that gave it its status (its approval, rejection or rollback); None for a candidate."""


@dataclass(frozen=True, kw_only=True)
class ModelState:
    """The state of one name."""

    name: str
    versions: tuple[Version, ...]
    """Oldest first; number n is at index n - 1."""
    champion: Version | None
    """The version to serve: the last approval that was not rolled back."""
    previous: Version | None
    """The version that a rollback makes the champion."""
    candidate: Version | None
    """The newest undecided version."""
    crowned: Entry | None
    """The entry that made the champion champion: its approval, or what ended another one's time."""
    entries: tuple[Entry, ...]
    """The whole log, oldest first."""
    head: str = ""
    """SHA-256 of the bytes of the last entry; empty where it was not read from a store."""

    @property
    def aliases(self) -> dict[str, int]:
        """Alias -> version number, for those that point somewhere."""
        named = {"candidate": self.candidate, "champion": self.champion, "previous": self.previous}
        return {alias: version.number for alias, version in named.items() if version is not None}

    def version(self, number: int) -> Version:
        """The version with this number; BadRequest lists what there is."""
        if 1 <= number <= len(self.versions):
            return self.versions[number - 1]
        raise BadRequest(
            f"{self.name} has no version {number}; it has {self._numbers()}. See `slmworks models`."
        )

    def _numbers(self) -> str:
        count = len(self.versions)
        return "none" if not count else "version 1" if count == 1 else f"versions 1 to {count}"


def replay(name: str, entries: Sequence[Entry]) -> ModelState:
    """The state that a log implies. Pure: the same entries give the same state.

    CorruptObject for an entry that cannot follow those before it, which this module never writes.
    """
    line = _Line()
    for entry in entries:
        line.follow(entry)
    versions = tuple(
        Version(
            number=entry.version,
            status=_STATUS[line.decided[entry.version].action]
            if entry.version in line.decided
            else "candidate",
            registered=entry,
            decided=line.decided.get(entry.version),
        )
        for entry in line.registered
    )
    undecided = [version for version in versions if version.status == "candidate"]
    return ModelState(
        name=name,
        versions=versions,
        champion=versions[line.reign[-1] - 1] if line.reign else None,
        previous=versions[line.reign[-2] - 1] if len(line.reign) > 1 else None,
        candidate=undecided[-1] if undecided else None,
        crowned=line.crowned if line.reign else None,
        entries=tuple(entries),
    )


_STATUS: dict[Action, Status] = {"approve": "approved", "reject": "rejected", "rollback": "rolled-back"}


class _Line:
    """The line of champions, entry by entry."""

    def __init__(self) -> None:
        self.registered: list[Entry] = []
        self.decided: dict[int, Entry] = {}
        """Version -> the entry that gave it its status."""
        self.reign: list[int] = []
        """Versions; the last one reigns, a rollback goes to the one before."""
        self.crowned: Entry | None = None

    def follow(self, entry: Entry) -> None:
        """Go on by one entry."""
        if problem := self._problem(entry):
            raise CorruptObject(
                f"{entry.name} {entry.seq:06d}: {problem}; slmworks did not write this. "
                "Restore the log; slmworks models --audit says what else is wrong with it."
            )
        if entry.action == "register":
            self.registered.append(entry)
            return
        before = self.reign[-1:]
        if entry.action == "rollback":
            self.decided[self.reign.pop()] = entry
        else:
            self.decided[entry.version] = entry
            # a rejected version is nothing to go back to
            self.reign = [number for number in self.reign if number != entry.version]
            if entry.action == "approve":
                self.reign.append(entry.version)
        if self.reign[-1:] != before or entry.action == "approve":
            self.crowned = entry

    def _problem(self, entry: Entry) -> str:
        """Why an entry cannot come here; empty if it can."""
        count = len(self.registered)
        if entry.action == "register":
            return "" if entry.version == count + 1 else f"registers v{entry.version} after v{count}"
        if not 1 <= entry.version <= count:
            return f"speaks of v{entry.version}, which was never registered"
        if _subject(entry) != _subject(self.registered[entry.version - 1]):
            return f"speaks of v{entry.version} with other digests than it was registered with"
        if entry.action == "rollback" and self.reign[-2:-1] != [entry.version]:
            back = f"v{self.reign[-2]}" if len(self.reign) > 1 else "none"
            return f"a rollback to v{entry.version} where the champion before is {back}"
        return ""


def _subject(entry: Entry) -> tuple[str, str, str, str]:
    return entry.model_digest, entry.wrapper_digest, entry.release, entry.verdict
