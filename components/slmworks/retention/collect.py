"""Collection: what nothing needs is laid aside first, and removed when nobody has asked for it for a while.

Objects stay in their place and get a mark; names in `tasks/` move to `aside/tasks/`, from where a task that
looks for its result brings them back. Every step may be cut short and done again: before the bytes of an
object go, its names are gone; before a mark counts, the grace period is over and it is found unneeded again.
"""

import contextlib
import json
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.execution import index
from slmworks.execution.origins import Origins
from slmworks.ledger.in_store import LEDGERS
from slmworks.machine.locks import lease
from slmworks.retention import here
from slmworks.retention.roots import Kept, Rule, keep_told, kept
from slmworks.store.revival import mark_of, remove, removing, sweep_removals

if TYPE_CHECKING:
    from slmworks.store import Store

OBJECTS, NAMES, RUNS, DAMAGED = (
    "objects that nothing needs",
    "results by name",
    "runs with logs and pages",
    "damaged objects",
)


@dataclass
class Amount:
    """How many of a kind, and their bytes."""

    count: int = 0
    size: int = 0

    def add(self, size: int, count: int = 1) -> None:
        """One more, of so many bytes."""
        self.count += count
        self.size += size


@dataclass
class Collected:
    """What a collection did, or would do."""

    kept: Kept
    stays: Amount
    """Objects that are needed."""
    aside: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """Kind -> what waits for the grace period to end, what was laid aside just now included."""
    removed: dict[str, Amount] = field(default_factory=lambda: defaultdict(Amount))
    """Kind -> what is gone."""
    gone: list[tuple[str, int]] = field(default_factory=list)
    """Rejected versions (name, number) whose release is gone, or would be: MLflow may hold a copy."""
    before: list[tuple[str, int]] = field(default_factory=list)
    """The same of those that were gone before this."""
    back: int = 0
    """Objects, names and runs that are needed again."""
    ledgers: Amount = field(default_factory=Amount)
    """Ledgers of teachers, which always stay."""

    @property
    def freed(self) -> int:
        """Bytes that are gone."""
        return sum(amount.size for amount in self.removed.values())


def collect(store: "Store", rule: Rule, *, grace: timedelta, copies: int, dry_run: bool = False) -> Collected:
    """Lay aside what nothing needs, and remove what was laid aside longer ago than `grace`.

    `copies`: bytes that this machine's copies of a bucket may have together. `dry_run`: only say it.
    """
    if dry_run:
        return _Collection(store, rule, grace, dry_run=True).run(copies)
    with lease(store.cache, "gc"):
        return _Collection(store, rule, grace, dry_run=False).run(copies)


class _Collection:
    def __init__(self, store: "Store", rule: Rule, grace: timedelta, *, dry_run: bool) -> None:
        self.store, self.dry_run = store, dry_run
        self.now = datetime.now(UTC)
        self.before = self.now - grace
        self.marked = {
            kind: self._marks(kind) for kind in ("objects", "tasks", "runs", "damaged")
        }  # before the roots are looked for: what comes to be needed since has no mark
        self.origins = Origins(store)
        self.kept = kept(store, rule, self.origins)
        self.found = Collected(self.kept, Amount())

    def run(self, copies: int) -> Collected:
        """All steps, in the order in which nothing is lost whenever they are cut short."""
        if not self.dry_run:
            keep_told(self.store, self.kept, self.origins)
        live = self._names()
        self._objects(live)
        if not self.dry_run:
            sweep_removals(self.store)
        self._folders("runs", RUNS, self.kept.runs)
        self._folders("damaged", DAMAGED, set())
        self._ledgers()
        here.tidy(self.store, self.found.removed, self.kept, self.before, copies, dry_run=self.dry_run)
        return self.found

    def _marks(self, kind: str) -> dict[str, bytes]:
        names = self.store.children(f"aside/{kind}")
        read = self.store.read_all([f"aside/{kind}/{name}" for name in names])
        return {name: data for name, data in zip(names, read, strict=True) if data is not None}

    # --- names -------------------------------------------------------------------------------------

    def _names(self) -> set[str]:
        """Lay aside the names of results that nothing needs; the digests that had a name until now."""
        live: set[str] = set()
        names = self.store.children("tasks/")
        for name, data in zip(names, self.store.read_all([f"tasks/{one}" for one in names]), strict=True):
            digest = _digest_of(data)
            if digest in self.kept.bytes or not digest or data is None:
                continue
            live.add(digest)
            self.found.aside[NAMES].add(len(data))
            if not self.dry_run:
                kept_as = {"since": self.now.isoformat(), "manifest": data.decode()}
                self.store.write(f"aside/tasks/{name}", json.dumps(kept_as).encode())
                self.store.remove(f"tasks/{name}")
        for name, data in self.marked["tasks"].items():
            self._name_aside(name, data)
        return live

    def _name_aside(self, name: str, data: bytes) -> None:
        text, since = _text_of(data)
        if _digest_of(text) in self.kept.bytes:
            self.found.back += 1
            if not self.dry_run:
                self.store.create(f"tasks/{name}", text)
                self.store.remove(f"aside/tasks/{name}")
        elif since < self.before:
            self.found.removed[NAMES].add(len(text))
            if not self.dry_run:
                self.store.remove(f"aside/tasks/{name}")
        else:
            self.found.aside[NAMES].add(len(text))

    # --- objects -----------------------------------------------------------------------------------

    def _objects(self, live: set[str]) -> None:
        sizes: dict[str, int] = defaultdict(int)
        for key, size in self.store.sizes("objects/").items():
            sizes[key.split("/")[1]] += size
        for digest, size in sizes.items():
            mark = self.marked["objects"].get(digest)
            if digest in self.kept.bytes:
                self.found.stays.add(size)
                self._needed_again("objects", digest)
            elif mark is not None and _since(mark) < self.before and digest not in live:
                self._remove(digest, size, mark)
            else:
                self.found.aside[OBJECTS].add(size)
                if (mark is None or digest in live) and not self.dry_run:
                    self.store.write(mark_of(digest), self.now.isoformat().encode())
        self.found.before += [
            version
            for version, release in self.kept.rejected.items()
            if release not in sizes and release not in self.kept.bytes
        ]
        for digest in self.marked["objects"].keys() - sizes.keys():  # a kill came between
            self._finish(digest)

    def _remove(self, digest: str, size: int, mark: bytes) -> None:
        if not self.dry_run and not remove(self.store, digest, mark):
            self.found.back += 1
            return
        self.found.removed[OBJECTS].add(size)
        self.found.gone += [one for one, release in self.kept.rejected.items() if release == digest]
        self._finish(digest)

    def _finish(self, digest: str) -> None:
        """Forget an object whose bytes are gone; of one that a lineage tells of, the manifest stays."""
        if self.dry_run:
            return
        if digest not in self.kept.told:
            self.store.remove(index.by_digest(digest))
        self.store.remove(mark_of(digest), removing(digest))

    def _needed_again(self, kind: str, name: str) -> None:
        if name in self.marked[kind]:
            self.found.back += 1
            if not self.dry_run:
                self.store.remove(f"aside/{kind}/{name}")

    def _ledgers(self) -> None:
        """They were paid for: only `slmworks ledger remove` removes one."""
        sizes = self.store.sizes(LEDGERS)
        count = len({key.removeprefix(LEDGERS).partition("/")[0] for key in sizes})
        self.found.ledgers.add(sum(sizes.values()), count)

    # --- runs, damaged objects -----------------------------------------------------------------------

    def _folders(self, place: str, kind: str, needed: Container[str]) -> None:
        keys: dict[str, dict[str, int]] = defaultdict(dict)
        for key, size in self.store.sizes(f"{place}/").items():
            keys[key.split("/")[1]][key] = size
        for name, sizes in keys.items():
            mark = self.marked[place].get(name)
            if name in needed:
                self._needed_again(place, name)
            elif mark is not None and _since(mark) < self.before:
                self.found.removed[kind].add(sum(sizes.values()))
                if not self.dry_run:
                    self._remove_folder(place, name, sizes)
            else:
                self.found.aside[kind].add(sum(sizes.values()))
                if mark is None and not self.dry_run:
                    self.store.write(f"aside/{place}/{name}", self.now.isoformat().encode())

    def _remove_folder(self, place: str, name: str, keys: Iterable[str]) -> None:
        last = f"{place}/{name}/run.json"  # without it nobody would find the rest again
        self.store.remove(*(key for key in keys if key != last))
        self.store.remove(last)
        if place == "runs":
            starts = [key for key in self.store.list(index.STARTS) if key.endswith(f"_{name}")]
            self.store.remove(*starts, *self.store.list(index.uploaded(name)))
        self.store.remove(f"aside/{place}/{name}")


def _digest_of(data: bytes | None) -> str:
    """The digest that a name points to; '' where it cannot be read, which the next run mends."""
    if data is not None:
        with contextlib.suppress(BadRequest):
            return Manifest.read(data, where="tasks").digest
    return ""


def _text_of(data: bytes) -> tuple[bytes, datetime]:
    """A name that was laid aside: the manifest's text, and since when."""
    try:
        found = json.loads(data)
        return str(found["manifest"]).encode(), _since(str(found["since"]).encode())
    except (ValueError, KeyError, TypeError):
        return b"", datetime.min.replace(tzinfo=UTC)


def _since(mark: bytes) -> datetime:
    """The time in a mark; of one that cannot be read, now: it is waited for once more."""
    try:
        return datetime.fromisoformat(mark.decode())
    except ValueError:
        return datetime.now(UTC)
