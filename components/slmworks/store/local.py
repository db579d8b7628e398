"""A store on a local disk: exclusive creation by `os.link`, objects moved in by rename.

Where a file system has no hard links (exFAT, SMB, some of FUSE), a rename that replaces nothing creates keys.
Everything is flushed before it is named, so that a power cut leaves no name with half the bytes. Git
ignores the folder: nobody means to commit it.
"""

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from slmworks.contract.errors import BadRequest, CorruptObject, SlmworksError, TaskFailed
from slmworks.contract.manifest import (
    File,
    Manifest,
    file_digest,
    leaves,
    plain_files,
    strangeness,
    tree_digest,
)
from slmworks.machine.process import rename_new
from slmworks.store.revival import revive

_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
"""What `link` says on file systems without hard links."""

SEALED_AT = 1_000_000_000
"""Modification time (s) given to every committed file: an edit shows without hashing anything."""


class LocalStore:
    """A folder on a local disk (`file:///path` or a plain path)."""

    def __init__(self, root: Path) -> None:
        """Open the store at `root`; folders are made when something is first written."""
        self.root = root

    def __str__(self) -> str:
        return str(self.root)

    @property
    def url(self) -> str:
        """The store's address."""
        return self.root.as_uri()

    @property
    def cache(self) -> Path:
        """A place on this machine for locks and intermediate files; its content may be lost."""
        return self.root / "local"

    def create(self, key: str, data: bytes) -> bool:
        """Create `key`, durably, only if it is absent. False when somebody else was first."""
        path = self.root / key
        part = self._write_part(path, data)
        try:
            self._name(path, lambda: _give_name(part, path))
        except FileExistsError:
            return False
        except OSError as error:
            raise self.unwritable(error) from None
        finally:
            part.unlink(missing_ok=True)
        _sync_folder(path.parent)
        return True

    def write(self, key: str, data: bytes) -> None:
        """Create or replace `key` in one step. For records that a single writer owns."""
        path = self.root / key
        part = self._write_part(path, data)
        self._name(path, lambda: part.replace(path))

    def read(self, key: str) -> bytes | None:
        """The bytes of `key`, or None when it is absent."""
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def children(self, prefix: str) -> list[str]:
        """The names of what lies directly below the folder `prefix`, sorted."""
        try:
            return sorted(entry.name for entry in os.scandir(self.root / prefix))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """The bytes of every key, or None where it is absent."""
        return [self.read(key) for key in keys]

    def list(self, prefix: str) -> list[str]:
        """Every key below `prefix`, sorted."""
        base = self.root / prefix
        keys = (path.relative_to(self.root).as_posix() for path in base.rglob("*") if path.is_file())
        return sorted(keys)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Key -> bytes of everything below the folder `prefix`."""
        found = {}
        for key in self.list(prefix):
            with contextlib.suppress(FileNotFoundError):  # one that was removed meanwhile
                found[key] = (self.root / key).stat().st_size
        return found

    def remove(self, *keys: str) -> None:
        """Remove keys for good, and the folders that are empty then; absent ones are fine."""
        for key in keys:
            path = self.root / key
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise self.unwritable(error) from None
            with contextlib.suppress(OSError):  # somebody is using it
                for folder in list(path.parents)[: len(Path(key).parents) - 2]:
                    folder.rmdir()

    def drop(self, digest: str) -> None:
        """Remove an object for good: first its name, in one step, then its bytes."""
        removed = self.cache / "removed" / f"{digest}-{uuid.uuid4().hex[:8]}"
        self._make_folder(removed.parent)
        with contextlib.suppress(FileNotFoundError):
            (self.root / "objects" / digest).rename(removed)
        shutil.rmtree(removed, ignore_errors=True)

    def put(self, folder: Path, files: tuple[File, ...]) -> str:
        """Move a folder of this disk (scratch) into the store under its tree digest, which is returned.

        `files` is what `scan` says of it. Finding the object there is fine; a damaged one is replaced.
        """
        digest = tree_digest(files)
        revive(self, digest)
        target = self.root / "objects" / digest
        if target.is_dir() and not self.damage(digest, files):
            return digest
        _make_durable(folder)
        self._make_folder(target.parent)
        if os.path.lexists(target):
            if not self.damage(digest, files):  # a simultaneous task made the same bytes
                return digest
            self.discard(digest)  # somebody's edit, or a copy that was cut short: what we hold is right
        try:
            folder.rename(target)
        except OSError as error:
            if self.damage(digest, files):  # else a simultaneous task made the same bytes
                raise self.unwritable(error) from None
        _sync_folder(target.parent)
        return digest

    def folder(self, digest: str) -> Path:
        """The local folder of an object."""
        path = self.root / "objects" / digest
        if not path.is_dir():
            raise CorruptObject(f"objects/{digest[:12]}… is missing from {self.url}; run the recipe again.")
        return path

    def verify(self, manifest: Manifest) -> None:
        """Hash every file of an object again; CorruptObject names the first that differs."""
        broken = self.damage(manifest.digest, manifest.files, deep=True)
        if broken:
            raise CorruptObject(
                f"{manifest.key[:20]}…/{broken}: not the bytes that were committed. "
                "Run the recipe again to make it anew."
            )

    def damage(self, digest: str, files: Iterable[File], *, deep: bool = False) -> str:
        """Path of the first thing that is not what was committed, or ''. Hashes only what looks touched."""
        base = self.root / "objects" / digest
        expected = {f.path: f for f in files}
        try:
            found = dict(leaves(base))
        except FileNotFoundError:
            found = {}
        added = (path for path in found.keys() - expected.keys() if not _emptied(path, found[path], expected))
        differing = (
            path
            for path, file in expected.items()
            if path not in found or _differs(base / path, found[path], file, deep=deep)
        )
        return min(added, default="") or next(differing, "")

    def discard(self, digest: str) -> None:
        """Lay a damaged object aside (`local/damaged/`), so that the next run makes it anew."""
        aside = self.cache / "damaged" / f"{digest}-{uuid.uuid4().hex[:8]}"
        self._make_folder(aside.parent)
        path = self.root / "objects" / digest
        (path if path.is_symlink() else self.folder(digest)).rename(aside)

    def _name(self, path: Path, give: Callable[[], object]) -> None:
        """Give a part its name, in a folder that somebody may just have removed because it was empty."""
        try:
            give()
        except FileNotFoundError:
            self._make_folder(path.parent)
            give()

    def _make_folder(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self.unwritable(error) from None
        ignored = self.root / ".gitignore"
        if not ignored.exists():
            with contextlib.suppress(OSError):  # who may write below it, and not here
                ignored.write_text("*\n", encoding="utf-8")

    def unwritable(self, error: OSError) -> SlmworksError:
        """What a person is told when the disk refuses: exit 1 where room is missing, else 2."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            return TaskFailed(
                f"{self.root}: {error.strerror}; make room and run it again: what is done is kept."
            )
        return BadRequest(f"{self.root}: cannot write there ({error.strerror}); choose another --store.")

    def _write_part(self, path: Path, data: bytes) -> Path:
        """Write beside the keys, not among them: what a kill leaves is swept with the scratch folders."""
        self._make_folder(path.parent)
        self._make_folder(self.cache / "parts")
        part = self.cache / "parts" / uuid.uuid4().hex
        try:
            with part.open("wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # on a read-only disk even that which isn't there
                part.unlink()
            raise self.unwritable(error) from None
        return part


def _give_name(part: Path, path: Path) -> None:
    """Give a written file the name `path`, whole or not at all; FileExistsError if something has it.

    OSError where the file system can't do that at all: creating the name first and writing then would leave,
    after a kill, half an entry that nobody may replace.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        if not path.samefile(part):  # else NFS asked twice, since its server's first answer got lost
            raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        try:
            rename_new(part, path)
        except OSError as failed:
            if failed.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
                raise
            why = "its file system can neither link files nor rename without replacing"
            raise OSError(errno.ENOTSUP, why) from None


def _emptied(path: str, status: os.stat_result, expected: Iterable[str]) -> bool:
    """A folder that held files which are missing: it is they that are named."""
    return stat.S_ISDIR(status.st_mode) and any(name.startswith(f"{path}/") for name in expected)


def _differs(path: Path, status: os.stat_result, file: File, *, deep: bool) -> bool:
    if strangeness(status) or status.st_size != file.size:
        return True
    untouched = int(status.st_mtime) == SEALED_AT
    return (deep or not untouched) and file_digest(path) != file.sha256


def _make_durable(folder: Path) -> None:
    """Flush every file, make it read-only, and give it the time by which an edit shows."""
    for name, _ in plain_files(folder):
        path = folder / name
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
        os.utime(path, (SEALED_AT, SEALED_AT))
        path.chmod(0o444)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that flushes no folders
            raise
    finally:
        os.close(handle)
