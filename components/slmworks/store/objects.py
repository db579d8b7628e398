"""A store in a bucket: no rename, no locks; exclusive creation is a conditional write.

An object's files are uploaded first and its manifest is created last, so that whoever is killed in
between leaves nothing that a task would trust. Every object that is used is a copy on this machine,
fetched once and hashed before it gets its name; the copies, logs, locks and scratch folders lie in a
local store (`near`) that may be deleted at any time.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

from slmworks.contract.errors import CorruptObject, SlmworksError, TaskFailed
from slmworks.contract.manifest import File, Manifest, scan, tree_digest
from slmworks.machine.locks import lease, scratch_folder
from slmworks.store.bucket import Bucket
from slmworks.store.layout import KEY, require_readable
from slmworks.store.local import LocalStore
from slmworks.store.revival import revive

AT_ONCE = 4
"""Files that are sent or fetched at the same time."""
READS = 16
"""Small keys that are read at the same time: each takes some 20 ms, most of them waiting."""


class ObjectStore:
    """A prefix in a bucket (`s3://bucket/prefix`), with copies on this machine."""

    def __init__(self, bucket: Bucket, near: LocalStore) -> None:
        """Open it; the server is called when something is first asked."""
        self._bucket = bucket
        self.near = near

    @cached_property
    def bucket(self) -> Bucket:
        """What is asked, once its format was found to be one that this version reads."""
        require_readable(self.url, self._bucket.get(KEY))
        return self._bucket

    def __str__(self) -> str:
        return self.url

    @property
    def url(self) -> str:
        """The store's address."""
        return self._bucket.url

    @property
    def root(self) -> Path:
        """This machine's folder of the store: copies, logs, pages, MLflow's SQLite."""
        return self.near.root

    @property
    def cache(self) -> Path:
        """Locks and intermediate files of this machine. Leases don't reach other machines."""
        return self.near.cache

    def create(self, key: str, data: bytes) -> bool:
        """Create `key` only if it is absent. False when somebody else was first."""
        self._prove()
        return self.bucket.create(key, data)

    def write(self, key: str, data: bytes) -> None:
        """Create or replace `key`. Records and pages of runs are kept on this machine too."""
        self._prove()
        self.bucket.put(key, data)
        if key.startswith("runs/"):
            self.near.write(key, data)

    def read(self, key: str) -> bytes | None:
        """The bytes of `key`, or None when it is absent."""
        return self.bucket.get(key)

    def children(self, prefix: str) -> list[str]:
        """The names of what lies directly below the folder `prefix`, sorted."""
        return self.bucket.children(prefix)

    def read_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bytes of every key, or None where it is absent; `READS` of them at a time."""
        if len(keys) < 2:
            return [self.read(key) for key in keys]
        with ThreadPoolExecutor(min(READS, len(keys))) as pool:
            return list(pool.map(self.read, keys))

    def list(self, prefix: str) -> list[str]:
        """Every key below the folder `prefix`, sorted."""
        return sorted(self.bucket.list(prefix))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Key -> bytes of everything below the folder `prefix`."""
        return self.bucket.list(prefix)

    def remove(self, *keys: str) -> None:
        """Remove keys for good; absent ones are fine."""
        self.bucket.delete(keys)
        self.near.remove(*(key for key in keys if key.startswith("runs/")))

    def drop(self, digest: str) -> None:
        """Remove an object for good, and this machine's copy of it."""
        self.bucket.delete(list(self.bucket.list(f"objects/{digest}/")))
        self.drop_copy(digest)

    def drop_copy(self, digest: str) -> None:
        """Remove this machine's copy of an object; it is fetched again when it is needed."""
        self.near.remove(f"copies/{digest}.json")
        self.near.drop(digest)

    def put(self, folder: Path, files: tuple[File, ...]) -> str:
        """Upload a folder under its tree digest; then it becomes this machine's copy.

        Files that are there with the right size and sha256 (as their uploader noted it) are not sent
        again; files that don't belong there are laid aside.
        """
        self._prove()
        digest = tree_digest(files)
        revive(self, digest)
        there = self._sizes(digest)
        self._lay_aside(digest, there.keys() - {f.path for f in files})
        missing = [f for f in files if not self._is_there(digest, f, there)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda f: self._send(folder, digest, f), missing))
        if broken := self.damage(digest, files):
            raise TaskFailed(f"{self.url}/objects/{digest[:12]}…/{broken}: is not what was sent; try again.")
        self._keep(folder, files)
        return digest

    def folder(self, digest: str) -> Path:
        """This machine's copy of an object, fetched and verified if it is not there yet."""
        if not self._has_copy(digest):
            with lease(self.cache, f"copy-{digest}"):
                if not self._has_copy(digest):
                    self._fetch(digest)
        with contextlib.suppress(OSError):  # the last use, by which `slmworks gc` chooses among copies
            os.utime(self.root / f"copies/{digest}.json")
        return self.near.folder(digest)

    def verify(self, manifest: Manifest) -> None:
        """Hash every file of this machine's copy again; an edited copy is fetched anew."""
        self.folder(manifest.digest)
        try:
            self.near.verify(manifest)
        except CorruptObject:
            with lease(self.cache, f"copy-{manifest.digest}"):
                self._fetch(manifest.digest)
            self.near.verify(manifest)

    def damage(self, digest: str, files: Iterable[File]) -> str:
        """Path of the first file that is missing, of another size, or too many, or ''. One request.

        Bytes are hashed when a copy is made (`folder`).
        """
        there = self._sizes(digest)
        expected = {f.path: f.size for f in files}
        wrong = there.keys() - expected.keys() or {p for p in expected if there.get(p) != expected[p]}
        return min(wrong, default="")

    def discard(self, digest: str) -> None:
        """Drop this machine's copy; the object itself is laid aside only if it is wrong too."""
        with contextlib.suppress(CorruptObject), lease(self.cache, f"copy-{digest}"):
            self._fetch(digest)

    # --- the bucket's side -------------------------------------------------------------------------

    def _prove(self) -> None:
        """Ask the server once, and remember on this machine, whether it can create exclusively."""
        proof = self.cache / "exclusive-create"
        if self.bucket.proven or proof.exists():
            self.bucket.proven = True
            return
        self.bucket.prove()
        self.near.write(proof.relative_to(self.root).as_posix(), b"")

    def _sizes(self, digest: str) -> dict[str, int]:
        base = f"objects/{digest}/"
        return {key.removeprefix(base): size for key, size in self.bucket.list(base).items()}

    def _is_there(self, digest: str, file: File, there: dict[str, int]) -> bool:
        if there.get(file.path) != file.size:
            return False
        notes = self.bucket.notes(f"objects/{digest}/{file.path}") or {}
        return notes.get("sha256") == file.sha256

    def _send(self, folder: Path, digest: str, file: File) -> None:
        self.bucket.put(f"objects/{digest}/{file.path}", folder / file.path, sha256=file.sha256)

    def _lay_aside(self, digest: str, paths: Iterable[str]) -> None:
        aside = f"damaged/{digest}-{uuid.uuid4().hex[:8]}"
        for path in sorted(paths):
            self.bucket.move(f"objects/{digest}/{path}", f"{aside}/{path}")

    # --- this machine's side -----------------------------------------------------------------------

    def _has_copy(self, digest: str) -> bool:
        """Whether a copy is there that nobody touched."""
        known = self.near.read(f"copies/{digest}.json")
        if known is None or not (self.root / "objects" / digest).is_dir():
            return False
        return not self.near.damage(digest, [File.model_validate(one) for one in json.loads(known)])

    def _keep(self, folder: Path, files: tuple[File, ...]) -> None:
        digest = self.near.put(folder, files)
        self.near.write(f"copies/{digest}.json", json.dumps([f.model_dump() for f in files]).encode())

    def _fetch(self, digest: str) -> None:
        """Copy an object to this machine; it gets its name after its tree digest was found right."""
        there = self._sizes(digest)
        if not there:
            raise CorruptObject(f"objects/{digest[:12]}… is missing from {self.url}; run the recipe again.")
        with scratch_folder(self.cache, "copy") as scratch:
            folder = scratch / "copy"
            try:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    list(pool.map(lambda p: self._fetch_file(digest, p, there[p], folder), there))
            except OSError as error:
                raise self.near.unwritable(error) from None
            files = scan(folder)
            if tree_digest(files) != digest:
                with contextlib.suppress(SlmworksError):  # who may only read reports it all the same
                    self._lay_aside(digest, there)
                raise CorruptObject(
                    f"{self.url}/objects/{digest[:12]}…: not the bytes that were committed. "
                    "Run the recipe again to make it anew."
                )
            if (self.root / "objects" / digest).exists():
                self.near.discard(digest)
            self._keep(folder, files)

    def _fetch_file(self, digest: str, path: str, size: int, folder: Path) -> None:
        if ".." in path.split("/"):
            raise CorruptObject(f"{self.url}/objects/{digest[:12]}…: holds a path that leads out of it.")
        self.bucket.fetch(f"objects/{digest}/{path}", size, folder / path)
