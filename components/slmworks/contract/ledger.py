"""What a teacher produced, kept row by row: paid for once, read by every student that learns from it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

__all__ = ["Cost", "Entry", "Ledger", "MemoryLedger"]


@dataclass(frozen=True)
class Cost:
    """What a teacher's work took."""

    prompt_tokens: int = 0
    """Tokens that it read."""
    tokens: int = 0
    """Tokens that it wrote, or gave the probabilities of."""
    seconds: float = 0.0
    """Time on the clock; of requests side by side that of all together."""
    cpu_seconds: float = 0.0
    """Time of all cores together, on this machine."""
    joules: float = 0.0
    """Energy of this machine's processors; 0 where it cannot be read."""
    money: float = 0.0
    """What a hosted teacher charges, in the currency of its prices."""

    def __add__(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    def dump(self) -> dict[str, float]:
        """The numbers that aren't 0, as JSON values."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}

    @classmethod
    def load(cls, said: Mapping[str, Any]) -> Self:
        """What `dump` gave; numbers that this version doesn't know are left out."""
        return cls(**{one.name: said[one.name] for one in fields(cls) if one.name in said})


@dataclass(frozen=True)
class Entry:
    """What a teacher produced for one row."""

    columns: Mapping[str, bytes]
    """Name -> bytes, in a form of the plugin's own. What is alike in all rows compresses well as a column."""
    tokens: int
    """The teacher's tokens in it: written, or with probabilities."""


class Ledger(ABC):
    """Entries of one teacher by key, and what they cost.

    A key is the sha256, in hex, of all that decided an entry beside the teacher and the ledger's options: the
    conversation and the settings, say. So rows are found again in other data too.
    """

    @abstractmethod
    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys without an entry, each once, in their order."""

    @abstractmethod
    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """Key and entry of those that have one, each once, in the order in which they are kept.

        No more than a few megabytes of entries are in memory at a time.
        """

    @abstractmethod
    def add(self, key: str, entry: Entry, cost: Cost) -> None:
        """Keep an entry; an older one of the key stays.

        A kill loses those of the last two seconds at most.
        """

    @property
    @abstractmethod
    def spent(self) -> Cost:
        """What all entries cost together, those of other tasks included."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that the written entries take where they are kept."""


@dataclass
class MemoryLedger(Ledger):
    """A ledger of a task without a store: gone when the task ends."""

    entries: dict[str, Entry] = field(default_factory=dict)
    """Key -> entry."""
    cost: Cost = field(default_factory=Cost)
    """What they cost."""

    def missing(self, keys: Iterable[str]) -> list[str]:
        """The keys without an entry."""
        return [key for key in dict.fromkeys(keys) if key not in self.entries]

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Entry]]:
        """Key and entry of those that have one."""
        for key in dict.fromkeys(keys):
            if key in self.entries:
                yield key, self.entries[key]

    def add(self, key: str, entry: Entry, cost: Cost) -> None:
        """Keep an entry."""
        self.entries.setdefault(key, entry)
        self.cost += cost

    @property
    def spent(self) -> Cost:
        """What all entries cost."""
        return self.cost

    @property
    def size(self) -> int:
        """Bytes of all columns: they are not compressed."""
        return sum(len(column) for entry in self.entries.values() for column in entry.columns.values())
