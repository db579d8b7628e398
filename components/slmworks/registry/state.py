"""The state that the approval log implies: versions, champion, previous, candidate.

Values and one pure function; `registry.log` reads and writes the log. Nobody edits an entry: what was
wrong is answered by another entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from slmworks.contract.errors import BadRequest

Action = Literal["register", "approve", "reject", "rollback"]
Status = Literal["candidate", "approved", "rejected", "rolled-back"]


class Entry(BaseModel):
    """One line of the log. Every entry names the digests it speaks of."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    seq: int
    """Place in the log of this name, from 1, without gaps."""
    action: Action
    name: str
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
    how: str
    """How it was established who that is: `claimed: user name of the command line`, `airflow`, …"""
    when: str
    """UTC, ISO 8601 with milliseconds."""
    why: str = ""


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
    entries: tuple[Entry, ...]
    """The whole log, oldest first."""

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
    """The state that a log implies. Pure: the same entries give the same state."""
    decided, reign = _follow(entries)
    versions = tuple(
        Version(
            number=entry.version,
            status=_STATUS[decided[entry.version].action] if entry.version in decided else "candidate",
            registered=entry,
            decided=decided.get(entry.version),
        )
        for entry in entries
        if entry.action == "register"
    )
    undecided = [version for version in versions if version.status == "candidate"]
    return ModelState(
        name=name,
        versions=versions,
        champion=versions[reign[-1] - 1] if reign else None,
        previous=versions[reign[-2] - 1] if len(reign) > 1 else None,
        candidate=undecided[-1] if undecided else None,
        entries=tuple(entries),
    )


_STATUS: dict[Action, Status] = {"approve": "approved", "reject": "rejected", "rollback": "rolled-back"}


def _follow(entries: Sequence[Entry]) -> tuple[dict[int, Entry], list[int]]:
    """Version -> the entry that gave it its status, and the line of champions (the last one reigns)."""
    decided: dict[int, Entry] = {}
    reign: list[int] = []
    for entry in entries:
        if entry.action == "rollback":
            decided[reign.pop()] = entry
        elif entry.action != "register":
            decided[entry.version] = entry
            if entry.action == "approve":
                reign.append(entry.version)
            else:  # a rejected version is nothing to go back to
                reign = [number for number in reign if number != entry.version]
    return decided, reign
