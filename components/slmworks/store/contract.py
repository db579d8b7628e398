"""What every store can do, and the one layout that all of them share.

    objects/<tree digest>/…      folders of artifacts, never changed after they were committed
    tasks/<fingerprint>.json     manifest of the task with that identity: created only if absent
    runs/<run>/<task>.json       records of what happened
    registry/<name>/<seq>.json   the approval log: created only if absent
    ledgers/<identity>/…         what teachers produced and cost; see `ledger.in_store`

Beside these lie keys by which something is found without reading all of it (`by-digest/`, `by-start/`,
`unfinished/`, `released/`, `took/`; see `execution.index`). They say nothing that the rest does not say.

The verbs are those that an object store without rename can speak too. Only `slmworks gc` removes what was
committed, and only `slmworks ledger remove` a ledger; what is found damaged is laid aside.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from slmworks.contract.errors import CorruptObject
from slmworks.contract.manifest import File, Manifest


class Store(Protocol):
    """Where bytes live, and how they get there exactly once."""

    def __str__(self) -> str:
        """What a person calls it: the folder, or the address."""

    @property
    def url(self) -> str:
        """The store's address; never holds credentials."""

    @property
    def root(self) -> Path:
        """The store's folder on this machine: logs, pages and MLflow's SQLite lie in it.

        For a folder it is the store itself, for an object store this machine's copy of what it has seen.
        """

    @property
    def cache(self) -> Path:
        """A place on this machine for locks and intermediate files; its content may be lost."""

    def create(self, key: str, data: bytes) -> bool:
        """Create `key`, durably, only if it is absent. False when somebody else was first."""

    def write(self, key: str, data: bytes) -> None:
        """Create or replace `key` in one step. For records that a single writer owns."""

    def read(self, key: str) -> bytes | None:
        """The bytes of `key`, or None when it is absent."""

    def children(self, prefix: str) -> list[str]:
        """The names directly below the folder `prefix`, sorted; nothing below those is looked at."""

    def read_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bytes of every key, or None where it is absent; several at a time where each takes a while."""

    def list(self, prefix: str) -> list[str]:
        """Every key below the folder `prefix`, sorted."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Key -> bytes of everything below the folder `prefix`."""

    def remove(self, *keys: str) -> None:
        """Remove keys for good; absent ones are fine."""

    def drop(self, digest: str) -> None:
        """Remove an object for good, and this machine's copy of it."""

    def put(self, folder: Path, files: tuple[File, ...]) -> str:
        """Take over a folder of this disk (it is moved away) under its tree digest, which is returned.

        `files` is what `scan` says of it. Finding the object there is fine; a damaged one is replaced.
        """

    def folder(self, digest: str) -> Path:
        """The local folder of an object; CorruptObject when it is missing or not what it should be."""

    def verify(self, manifest: Manifest) -> None:
        """Hash every file of an object again; CorruptObject names the first that differs."""

    def damage(self, digest: str, files: Iterable[File]) -> str:
        """Path of the first file that visibly is not what was committed, or ''. Cheap: hashes little."""

    def discard(self, digest: str) -> None:
        """Lay a damaged object aside, so that the next run makes it anew."""


def folder_or_none(store: Store, digest: str) -> Path | None:
    """The folder of an object, or None when its bytes are no longer there."""
    try:
        return store.folder(digest)
    except CorruptObject:
        return None
