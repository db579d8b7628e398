"""The files of an approval log, `registry/<name>/<seq>.json`, and the chain that holds them together.

Each entry holds the SHA-256 of the bytes of the one before it, so none can be changed, replaced or taken
out of the middle unnoticed. The last entries can be taken away, and whoever may write here can write a
whole chain anew: that shows only outside (`registry.audit`).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from slmworks.registry import blocks
from slmworks.registry.state import Entry

if TYPE_CHECKING:
    from slmworks.store import Store

START = hashlib.sha256(b"").hexdigest()
"""What the first entry holds: the SHA-256 of nothing."""


@dataclass(frozen=True)
class Written:
    """An entry as it lies in the store."""

    key: str
    entry: Entry
    sha256: str
    """Of its bytes."""


@dataclass(frozen=True)
class LogFiles:
    """The log of one name as it was read."""

    written: tuple[Written, ...]
    """The entries that could be read, in the order of their keys."""
    problems: tuple[str, ...]
    """What is wrong, each with its key: `registry/reviews/000002.json: …`; empty for a sound log."""

    @property
    def head(self) -> str:
        """SHA-256 of the last entry's bytes."""
        return self.written[-1].sha256 if self.written else START

    @property
    def chained_from(self) -> int:
        """The first entry that holds the hash of the one before it; 0 if none does."""
        return next((one.entry.seq for one in self.written if one.entry.previous), 0)


def key_of(name: str, seq: int) -> str:
    """Where an entry lies."""
    return f"registry/{name}/{seq:06d}.json"


def names(store: "Store") -> list[str]:
    """Every name that has a log, sorted."""
    found = (blocks.ENTRY.fullmatch(key) for key in store.list("registry/"))
    return sorted({match.group(1) for match in found if match})


def append(store: "Store", entry: Entry) -> bool:
    """Write an entry if its place is free; False if somebody was faster."""
    text = json.dumps(entry.model_dump(exclude_defaults=True), indent=1, ensure_ascii=False) + "\n"
    appended = store.create(key_of(entry.name, entry.seq), text.encode())
    if appended:
        blocks.extend(store, entry.name, entry.seq)
    return appended


def read(store: "Store", name: str, *, copies: bool = True) -> LogFiles:
    """Read every entry of a name, and check places and chain.

    `copies`: take what lies in a block from there, in few requests; an audit reads the entries themselves.
    """
    written: list[Written] = []
    problems: list[str] = []
    expected = 1
    keys = blocks.entries(store, name)
    texts = blocks.read(store, name, keys) if copies else [text or b"" for text in store.read_all(keys)]
    for key, data in zip(keys, texts, strict=True):
        seq = blocks.number(key)
        problems += [f"{key}: entry {missing:06d} before it is missing" for missing in range(expected, seq)]
        expected = seq + 1
        found = _entry(key, data)
        if isinstance(found, str):
            problems.append(found)
            continue
        one = Written(key, found, hashlib.sha256(data).hexdigest())
        before = written[-1] if written else None
        if (not written and seq == 1) or (before and before.entry.seq == seq - 1):
            problems += _broken(before, one)
        written.append(one)
    return LogFiles(tuple(written), tuple(problems))


def strangers(store: "Store", name: str) -> list[str]:
    """Keys in the log's folder that are no place of an entry."""
    return [key for key in store.list(f"registry/{name}/") if not blocks.ENTRY.fullmatch(key)]


def _entry(key: str, data: bytes) -> Entry | str:
    """The entry at a key, or what is wrong with it."""
    try:
        entry = Entry.model_validate_json(data)
    except ValidationError as error:
        return f"{key}: not an entry of the log ({error.errors()[0]['msg']})"
    if key_of(entry.name, entry.seq) != key:
        return f"{key}: speaks of {entry.name} {entry.seq:06d}"
    return entry


def _broken(before: Written | None, one: Written) -> list[str]:
    """What is wrong between an entry and the one before it."""
    if not one.entry.previous:
        forged = before is not None and before.entry.previous
        return [f"{one.key}: holds no hash of the entry before it, which has one: forged"] if forged else []
    if one.entry.previous == (before.sha256 if before else START):
        return []
    if before is None:
        return [f"{one.key}: was not the first entry of the log when it was written"]
    then = f"was not written after entry {before.entry.seq:06d} as that is now"
    return [f"{one.key}: {then}: one of the two was changed, replaced or forged"]
