"""What a store's ledgers hold, what they cost and who used them; and how one is removed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.contract.ledger import Cost
from slmworks.ledger.in_store import LEDGERS, StoreLedger
from slmworks.lineage.teacher_name import TeacherNames
from slmworks.machine.locks import locked

if TYPE_CHECKING:
    from slmworks.store import Store

SHOWN = 12
"""Digits of an identity that people see."""


@dataclass(frozen=True)
class Used:
    """What one task took from a ledger, and added to it."""

    run: str
    task: str
    plugin: str
    teacher: str
    """Digest of the teacher's files; empty where the record doesn't say."""
    rows: int
    tokens: int
    """The teacher's tokens in the rows that it took."""
    rows_added: int
    cost: Cost
    """Of the rows that it added."""
    at: str
    """UTC time, ISO 8601."""

    @property
    def tokens_reused(self) -> int:
        """Tokens that were there already, and so were not paid again."""
        return max(self.tokens - self.cost.tokens, 0)

    @classmethod
    def load(cls, said: Mapping[str, Any]) -> "Used":
        """What a use's file says."""
        run, task, plugin, teacher, at = (
            str(said.get(name, "")) for name in ("run", "task", "plugin", "teacher", "at")
        )
        rows, tokens, added = (int(said.get(name, 0)) for name in ("rows", "tokens", "rows_added"))
        return cls(run, task, plugin, teacher, rows, tokens, added, Cost.load(said.get("cost", {})), at)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {**vars(self), "cost": self.cost.dump(), "tokens_reused": self.tokens_reused}


@dataclass(frozen=True)
class Listed:
    """A ledger, seen from outside."""

    identity: str
    kind: str
    """What was asked of the teacher, with the options: `answers`, `logprobs k=16`; empty: it is gone."""
    teacher: str
    """For people; see `TeacherNames`."""
    teachers: frozenset[str]
    """Digests of the teacher, of its files and the one that the ledger knows it by."""
    created: str
    rows: int
    tokens: int
    """The teacher's tokens in all rows."""
    size: int
    """Bytes in the store, compressed."""
    cost: Cost
    uses: tuple[Used, ...]
    """Oldest first."""
    damaged: tuple[str, ...]
    """A line about each chunk that cannot be read."""

    @property
    def short(self) -> str:
        """The start of its identity."""
        return self.identity[:SHOWN]

    @property
    def tokens_reused(self) -> int:
        """Tokens that tasks found there, and so did not pay again."""
        return sum(one.tokens_reused for one in self.uses)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            **vars(self),
            "teachers": sorted(self.teachers),
            "cost": self.cost.dump(),
            "uses": [one.dump() for one in self.uses],
            "damaged": list(self.damaged),
            "tokens_reused": self.tokens_reused,
        }


def ledgers(store: "Store") -> Iterator[Listed]:
    """Every ledger of a store. A chunk that was damaged since the last task is not found; see `ledger`."""
    names = TeacherNames(store)
    for identity in store.children(LEDGERS):
        yield ledger(store, identity, names)


def ledger(store: "Store", identity: str, names: TeacherNames, *, verify: bool = False) -> Listed:
    """One ledger by its whole identity; of one that is not there all numbers are 0.

    `verify`: read every chunk, and say which are damaged. Else they are read only where a task was killed.
    """
    damaged: list[str] = []
    sums = {} if verify else _read(store, f"{LEDGERS}{identity}/sums.json")
    if verify or sums.get("chunks") != store.children(f"{LEDGERS}{identity}/chunks/"):
        sums = StoreLedger(store, identity, damaged.append).sums
    about = _read(store, f"{LEDGERS}{identity}/about.json")
    uses = _uses(store, identity)
    known_by = str(about.get("teacher", ""))
    files = next((one.teacher for one in reversed(uses) if one.teacher), known_by)
    return Listed(
        identity=identity,
        kind=_kind(about) if about else "",
        teacher=names.of(files) if files else "unknown",
        teachers=frozenset({known_by, *(one.teacher for one in uses)} - {""}),
        created=str(about.get("created", "")),
        rows=int(sums["rows"]),
        tokens=int(sums["tokens"]),
        size=int(sums["size"]),
        cost=Cost.load(sums["cost"]),
        uses=uses,
        damaged=tuple(damaged),
    )


def whole_identity(store: "Store", start: str) -> str:
    """The identity of the one ledger that begins so; BadRequest for none and for several."""
    known = store.children(LEDGERS)
    found = [one for one in known if one.startswith(start.lower())]
    if len(found) == 1:
        return found[0]
    if not known:
        raise BadRequest(f"there are no ledgers in {store} yet; tasks that ask a teacher begin them.")
    if not found:
        raise BadRequest(f"no ledger of {store} begins with '{start}'. `slmworks ledger` lists them.")
    shown = ", ".join(one[:SHOWN] for one in found[:6])
    raise BadRequest(f"'{start}' is the start of {len(found)} ledgers ({shown}); give more of it.")


def remove_ledger(store: "Store", identity: str) -> None:
    """Remove a ledger for good; BadRequest while a task of this machine has it.

    What says that it is there goes last, so a removal that is cut short can be done again.
    """
    lock = store.cache / "leases" / f"ledger-{identity}.lock"  # that of `open_ledger`
    try:
        with locked(lock, waiting=None):
            keys = store.list(f"{LEDGERS}{identity}/")
            about = f"{LEDGERS}{identity}/about.json"
            store.remove(*(key for key in keys if key != about))
            store.remove(about)
    except BlockingIOError:
        raise BadRequest(
            f"ledger {identity[:SHOWN]}: a task has it at this moment; wait until it is done, or stop it."
        ) from None


def _uses(store: "Store", identity: str) -> tuple[Used, ...]:
    keys = store.list(f"{LEDGERS}{identity}/uses/")
    read = (_content(data) for data in store.read_all(keys))
    return tuple(sorted((Used.load(said) for said in read if said), key=lambda one: (one.at, one.run)))


def _read(store: "Store", key: str) -> Mapping[str, Any]:
    return _content(store.read(key))


def _content(data: bytes | None) -> Mapping[str, Any]:
    """A JSON object; empty for what is gone or damaged: only people read it."""
    try:
        found = json.loads(data or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _kind(about: Mapping[str, Any]) -> str:
    options = about.get("options")
    said = [f"{key}={value}" for key, value in sorted(options.items())] if isinstance(options, dict) else []
    return " ".join([str(about.get("name", "unknown")), *said])
