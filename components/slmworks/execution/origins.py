"""Origins of artifacts by their digests: the first manifest of the bytes, and the run that made them."""

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest, CorruptObject, SlmworksError
from slmworks.contract.manifest import Manifest
from slmworks.execution.index import by_digest
from slmworks.execution.records import TaskRecord, run_ids, task_records

if TYPE_CHECKING:
    from slmworks.store import Store

BEFORE = "by-digest/before.json"
"""What a store that is older than `by-digest/` holds: digest -> run and key of the manifest.
Made once, by reading everything, when an origin is first missed."""


@dataclass(frozen=True)
class Origin:
    """The first manifest of some bytes."""

    manifest: Manifest
    run: str
    """The run whose task made them; empty where no record of it says so."""


class Origins:
    """What is known of artifacts by their digests; every key is read once."""

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._known: dict[str, Origin | None] = {}
        self._before: dict[str, tuple[str, str]] | None = None

    def of(self, digests: Iterable[str]) -> dict[str, Origin]:
        """Digest -> origin, for those that have one."""
        wanted = [one for one in dict.fromkeys(digests) if one]
        new = [one for one in wanted if one not in self._known]
        found = self._store.read_all([by_digest(one) for one in new])
        self._known |= {one: _origin(data) for one, data in zip(new, found, strict=True)}
        self._known |= self._of_before([one for one in new if self._known[one] is None])
        return {one: known for one in wanted if (known := self._known[one])}

    def closure(
        self, digests: Iterable[str], above: Callable[[Manifest], Iterable[str]]
    ) -> dict[str, Manifest | None]:
        """Digest -> manifest, None where none is known, of these artifacts and of all behind them.

        `above` gives the digests that a manifest leads to; they are asked for level by level.
        """
        found: dict[str, Manifest | None] = {}
        level = {one for one in digests if one}
        while level:
            known = self.of(level)
            found |= {one: known[one].manifest if one in known else None for one in level}
            level = {one for origin in known.values() for one in above(origin.manifest) if one} - found.keys()
        return found

    def starting_with(self, start: str) -> list[str]:
        """Every digest that starts so; at least two hex digits."""
        folder = f"by-digest/{start[:2]}"
        named = {name.removesuffix(".json") for name in self._store.children(folder)}
        found = {one for one in named if one.startswith(start)}
        if not found:
            found = {one for one in self._all_before() if one.startswith(start)}
        return sorted(found)

    def _of_before(self, digests: list[str]) -> dict[str, Origin]:
        if not digests:
            return {}
        places = {one: place for one in digests if (place := self._all_before().get(one))}
        read = self._store.read_all([key for _, key in places.values()])
        found = {}
        for (digest, (run, key)), data in zip(places.items(), read, strict=True):
            if manifest := _manifest(self._store, key, data):
                found[digest] = Origin(manifest, run)
        return found

    def _all_before(self) -> dict[str, tuple[str, str]]:
        if self._before is None:
            data = self._store.read(BEFORE)
            self._before = _listed(self._store) if data is None else json.loads(data)
            if data is None:
                with contextlib.suppress(SlmworksError):  # who may only read looks again next time
                    self._store.create(BEFORE, json.dumps(self._before).encode())
        return self._before


def _listed(store: "Store") -> dict[str, tuple[str, str]]:
    """Digest -> run and key of the oldest manifest, of everything that a store holds."""
    made: dict[str, str] = {}
    keys: dict[str, tuple[str, str]] = {}
    for run in run_ids(store):
        for record in task_records(store, run):
            if record.manifest is not None:
                made.setdefault(record.manifest.digest, run)
                _keep_older(keys, record.manifest, record.key)
    names = [f"tasks/{name}" for name in store.children("tasks/")]
    for key, data in zip(names, store.read_all(names), strict=True):
        if manifest := _manifest(store, key, data):
            _keep_older(keys, manifest, key)
    return {digest: (made.get(digest, ""), key) for digest, (_, key) in keys.items()}


def _keep_older(keys: dict[str, tuple[str, str]], manifest: Manifest, key: str) -> None:
    keys[manifest.digest] = min(keys.get(manifest.digest, (manifest.created, key)), (manifest.created, key))


def _origin(data: bytes | None) -> Origin | None:
    if data is None:
        return None
    with contextlib.suppress(BadRequest, ValueError, KeyError, TypeError):
        kept = json.loads(data)
        return Origin(Manifest.read(json.dumps(kept["manifest"]), where="by-digest"), str(kept["run"]))
    return None


def _manifest(store: "Store", key: str, data: bytes | None) -> Manifest | None:
    """The manifest at a key of `tasks/` or `runs/`; None for one that is gone or cannot be read."""
    if data is None:
        return None
    with contextlib.suppress(BadRequest, CorruptObject):
        if key.startswith("tasks/"):
            return Manifest.read(data, where=key)
        record = TaskRecord.of_bytes(store, key, data)
        return record.manifest if record else None
    return None
