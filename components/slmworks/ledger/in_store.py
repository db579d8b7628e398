"""A ledger in a store: entries are written in chunks that are never changed.

    ledgers/<identity>/about.json            the teacher, what was asked of it, and how
    ledgers/<identity>/chunks/<number>       entries; created only if absent, so their order is that of time
    ledgers/<identity>/uses/<run>.<task>.json  what a task took from it and added to it
    ledgers/<identity>/sums.json             rows and cost of all chunks as the last task left them

A chunk is closed every two seconds, and small ones are joined when a task is done with them: the joined one
says which it replaces, so a kill at any moment neither loses an entry nor counts a cost twice. `slmworks gc`
leaves ledgers alone; they were paid for.
"""

import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import CorruptObject
from slmworks.contract.ledger import Cost, Entry, Ledger
from slmworks.ledger.chunk import Chunk, Index, entries, index, short
from slmworks.machine.locks import lease

if TYPE_CHECKING:
    from slmworks.store import Store

LEDGERS = "ledgers/"
EVERY = 2.0
"""Seconds after which entries are written, if one is added at all."""
LARGE = 1 << 22
"""Bytes of entries after which they are written in any case; chunks are joined up to about as many."""
MANY = 4096
"""Entries after which they are written in any case."""
TOGETHER = 16
"""Chunks that are read together: all of a large ledger would not fit into memory."""


@dataclass(frozen=True)
class About:
    """What a ledger holds, which is its identity."""

    name: str
    """What was asked of the teacher: `answers`, `logprobs`."""
    teacher: str
    """Digest of the teacher, or what it is known by instead (`Artifact.as_teacher`)."""
    options: Mapping[str, Any]
    """What else decided all of its entries, as JSON values."""
    version: int
    """Raised by hand when the code that makes entries makes others; nothing else invalidates them."""

    @property
    def identity(self) -> str:
        """64 hex digits."""
        text = json.dumps(vars(self) | {"options": dict(self.options)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Use:
    """What a task took from a ledger, and added to it."""

    rows: set[str] = field(default_factory=set)
    """Short keys of the entries that it read."""
    tokens: int = 0
    """The teacher's tokens in them."""
    rows_added: int = 0
    cost: Cost = field(default_factory=Cost)
    """Of the entries that it added."""

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "rows": len(self.rows),
            "tokens": self.tokens,
            "rows_added": self.rows_added,
            "cost": self.cost.dump(),
        }

    @classmethod
    def tried(cls, record: bytes | None) -> "Use":
        """What an earlier try of the task added, by its record; nothing without one that can be read."""
        try:
            said = json.loads(record or b"{}")
            return cls(rows_added=int(said.get("rows_added", 0)), cost=Cost.load(said.get("cost", {})))
        except (ValueError, TypeError, AttributeError):
            return cls()


class StoreLedger(Ledger):
    """A ledger in a store. One task writes at a time; see `open_ledger`."""

    def __init__(
        self,
        store: "Store",
        identity: str,
        say: Callable[[str], None] = lambda _line: None,
        use: Use | None = None,
    ) -> None:
        """Look at all chunks' keys. `say` gets a line about a chunk that is damaged; `use` is added to."""
        self._store, self._folder, self._say = store, f"{LEDGERS}{identity}/", say
        self._found: dict[int, Index] = {}
        self._places: dict[str, int] = {}
        self._fresh: dict[str, Entry] = {}
        self._fresh_cost = Cost()
        self._size = 0
        self._written = time.monotonic()
        self._mine: list[int] = []
        self.use = use or Use()
        """What was read and added through this object."""
        self._look()

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys without an entry."""
        return [
            key
            for key in dict.fromkeys(keys)
            if short(key) not in self._places and short(key) not in self._fresh
        ]

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """Key and entry of those that have one, chunk by chunk."""
        self.flush()
        wanted: dict[int, list[str]] = {}
        for key in dict.fromkeys(keys):
            if (place := self._places.get(short(key))) is not None:
                wanted.setdefault(place, []).append(key)
        for place in sorted(wanted):
            found = self._entries(place)
            for key in wanted[place]:
                entry = found[short(key)]
                if short(key) not in self.use.rows:
                    self.use.rows.add(short(key))
                    self.use.tokens += entry.tokens
                yield key, entry

    def add(self, key: str, entry: Entry, cost: Cost) -> None:
        """Keep an entry; it is written with those of the same two seconds."""
        self.use.cost += cost
        self._fresh_cost += cost
        if self.missing([key]):
            self._fresh[short(key)] = entry
            self.use.rows_added += 1
        self._size += sum(map(len, entry.columns.values()))
        late = time.monotonic() - self._written >= EVERY
        if late or self._size >= LARGE or len(self._fresh) >= MANY:
            self.flush()

    @property
    def spent(self) -> Cost:
        """What all entries cost, those of other tasks included."""
        return sum((one.cost for one in self._found.values()), start=self._fresh_cost)

    @property
    def rows(self) -> int:
        """Entries."""
        return len(self._places) + len(self._fresh)

    @property
    def tokens(self) -> int:
        """The teacher's tokens in all entries that are written."""
        found = 0
        for number, chunk in self._found.items():
            mine = (self._places[key] == number for key in chunk.keys)
            found += sum(count for count, is_mine in zip(chunk.tokens, mine, strict=True) if is_mine)
        return found

    @property
    def size(self) -> int:
        """Bytes of all chunks, compressed."""
        return sum(chunk.size for chunk in self._found.values())

    @property
    def sums(self) -> dict[str, Any]:
        """Numbers of all chunks, with their names, as JSON values: who lists a ledger reads only these."""
        return {
            "chunks": [_name(number) for number in sorted(self._found)],
            "rows": self.rows,
            "tokens": self.tokens,
            "size": self.size,
            "cost": self.spent.dump(),
        }

    def flush(self) -> None:
        """Write what was added."""
        self._written = time.monotonic()
        if not self._fresh and not self._fresh_cost.dump():
            return
        self._mine.append(self._write(Chunk(dict(self._fresh), self._fresh_cost, _now())))
        self._fresh, self._fresh_cost, self._size = {}, Cost(), 0

    def close(self) -> None:
        """Write what was added, and join the small chunks that this object wrote."""
        self.flush()
        while len(self._mine) > 1:
            joined: dict[str, Entry] = {}
            cost, size = Cost(), 0
            taken: list[int] = []
            while self._mine and (not taken or size < LARGE):
                number = self._mine.pop(0)
                for key, entry in self._entries(number).items():
                    joined.setdefault(key, entry)
                    size += sum(map(len, entry.columns.values()))
                cost += self._found[number].cost
                taken.append(number)
            self._write(Chunk(joined, cost, _now(), tuple(taken)))
            self._drop(taken)
        self._mine.clear()

    def _write(self, chunk: Chunk) -> int:
        data = chunk.dump()
        number = max(self._found, default=0) + 1
        while not self._store.create(self._key(number), data):  # another machine's
            number += 1
        self._take(number, data)
        return number

    def _entries(self, number: int) -> dict[str, Entry]:
        data = self._store.read(self._key(number))
        if data is None:
            raise CorruptObject(f"{self._key(number)}: is no longer there; run the task again.")
        return entries(data, where=self._key(number))

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._found.pop(number, None)
            self._store.remove(self._key(number))

    def _key(self, number: int) -> str:
        return f"{self._folder}chunks/{_name(number)}"

    def _look(self) -> None:
        names = self._store.children(f"{self._folder}chunks/")
        for start in range(0, len(names), TOGETHER):
            some = names[start : start + TOGETHER]
            keys = [f"{self._folder}chunks/{name}" for name in some]
            for name, data in zip(some, self._store.read_all(keys), strict=True):
                if data is not None:  # else joined with others at this moment
                    self._look_at(name, data)
        replaced = {number for chunk in self._found.values() for number in chunk.replaces}
        for number in replaced & self._found.keys():  # a kill came before they were removed
            del self._found[number]

    def _look_at(self, name: str, data: bytes) -> None:
        try:
            self._take(int(name), data)
        except CorruptObject as error:
            self._say(f"warning: {error} Its rows are asked for again.")

    def _take(self, number: int, data: bytes) -> None:
        chunk = index(data, where=self._key(number))
        self._found[number] = chunk
        for key in chunk.keys:
            if self._places.get(key) not in self._found or self._places[key] in chunk.replaces:
                self._places[key] = number


def _name(number: int) -> str:
    return f"{number:08}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextlib.contextmanager
def open_ledger(
    store: "Store",
    about: About,
    user: Mapping[str, str],
    *,
    use: Use | None = None,
    say: Callable[[str], None],
    waiting: Callable[[], None],
) -> Iterator[StoreLedger]:
    """Hold a ledger alone on this machine; what was added is kept whatever happens in the block.

    `user`: `run`, `task` and whatever else is to be told of who uses it; `use`: what the task has taken and
    added before, None where it opens the ledger for the first time. `waiting` is called if another task has
    it.
    """
    identity = about.identity
    record = f"{LEDGERS}{identity}/uses/{user['run']}.{user['task']}.json"
    with lease(store.cache, f"ledger-{identity}", waiting=waiting):
        said = {**vars(about), "options": dict(about.options), "created": _now()}
        store.create(f"{LEDGERS}{identity}/about.json", json.dumps(said, indent=1).encode())
        found = StoreLedger(store, identity, say, use or Use.tried(store.read(record)))
        try:
            yield found
        finally:
            found.close()
            sums = json.dumps(found.sums)
            store.write(f"{LEDGERS}{identity}/sums.json", sums.encode())
            said = {**user, **found.use.dump(), "at": _now()}
            store.write(record, json.dumps(said, indent=1).encode())
