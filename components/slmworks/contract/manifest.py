"""An artifact's manifest: its files with digests, plus metadata.

Engines move manifests; the bytes stay in the store.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationError,
    model_validator,
)
from pydantic_core import from_json

from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.file_names import MOST_FILES, refuse, wrong_with


def _proper(path: str) -> str:
    if problem := wrong_with(path):
        raise ValueError(problem)
    return path


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A digest: 64 hex digits."""
Digests = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]
"""Digests of a port's inputs. The first builds of version 0.1 wrote that of a single one as it is.

Stores with such records exist and stay readable, with their lineage.
"""


class File(BaseModel):
    """One file of an artifact: path relative to its folder, size in bytes, sha256 in hex."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Annotated[str, AfterValidator(_proper)]
    """Relative to the artifact's folder."""
    size: NonNegativeInt
    """In bytes."""
    sha256: Sha256
    """Digest of its bytes."""


def tree_digest(files: Iterable[File]) -> str:
    """The digest of a folder: sha256 over its sorted paths, sizes and sha256s (64 hex digits)."""
    lines = sorted(f"{f.path}\0{f.size}\0{f.sha256}\n" for f in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """The sha256 of one file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def leaves(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Whatever lies below `folder`, as it is: path relative to it, and its status. No link is followed.

    Plain files, and what is none: a link (the folder itself may be one), a pipe, an empty folder. Of a folder
    that isn't there nothing.
    """
    if not os.path.lexists(folder):
        return
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        yield "", status
        return
    todo = [(entry.name, entry) for entry in _entries(folder)]
    while todo:
        path, entry = todo.pop()
        inner = _entries(entry.path) if entry.is_dir(follow_symlinks=False) else []
        if inner:
            todo += [(f"{path}/{one.name}", one) for one in inner]
        else:
            yield path, entry.stat(follow_symlinks=False)


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return list(found)


def strangeness(status: os.stat_result) -> str:
    """What a leaf is that is no plain file: `a link`, `an empty folder`, …; empty for a plain file."""
    kind = stat.S_IFMT(status.st_mode)
    return "" if kind == stat.S_IFREG else _KINDS.get(kind, "a device")


_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "an empty folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def stranger(folder: Path) -> str:
    """What lies below `folder` and is neither file nor folder: `a link (model/weights)`, or nothing."""
    for path, status in sorted(leaves(folder)):
        if (what := strangeness(status)) and not stat.S_ISDIR(status.st_mode):
            return f"{what} ({path})"
    return ""


def plain_files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Path and status of every file below `folder`, sorted; CorruptObject names what is no plain file."""
    found = sorted(leaves(folder))
    for path, status in found:
        if what := strangeness(status):
            raise CorruptObject(
                f"{folder / path}: is {what}, and only plain files are ever committed; remove it."
            )
    return found


def drop_empty_folders(folder: Path) -> None:
    """Remove the folders below `folder` that hold no file."""
    for inner, _, _ in os.walk(folder, topdown=False):
        if Path(inner) != folder:
            with contextlib.suppress(OSError):  # it holds something
                Path(inner).rmdir()


def scan(folder: Path) -> tuple[File, ...]:
    """Every file below `folder`, hashed, sorted by path.

    CorruptObject names what is no plain file; BadRequest for more files than a manifest holds, and for names
    that not every place can hold.
    """
    found = plain_files(folder)
    refuse(path for path, _ in found)
    return tuple(
        File(path=path, size=status.st_size, sha256=file_digest(folder / path)) for path, status in found
    )


def is_tree(folder: Path, digest: str) -> bool:
    """Whether a folder holds, to the last byte, what has this tree digest, and nothing else."""
    try:
        return tree_digest(scan(folder)) == digest
    except CorruptObject:
        return False


class Manifest(BaseModel):
    """An artifact's files with digests, and its metadata. Engines move these, never models."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    """Name of the artifact's class: Files, Dataset, Model, …"""
    format: str
    """How the bytes are laid out: `parquet`, `hf`, `onnx`, `json`, …"""
    digest: Sha256 | Literal[""]
    """Tree digest of the artifact's folder; empty for a manifest without files."""
    files: Annotated[tuple[File, ...], Field(max_length=MOST_FILES)]
    """Files of the folder."""
    meta: dict[str, Any] = {}
    """Metadata that is part of the artifact's bytes."""
    refs: dict[str, str] = {}
    """Role -> digest of another artifact (also in its bytes)."""
    summary: dict[str, Any] = {}
    """Numbers for people (not in the bytes)."""
    fingerprint: str = ""
    """Identity of the task that made it."""
    producer: dict[str, Any] = {}
    """Stage, plugin, distribution, version, code digest and options of the task that made it."""
    inputs: dict[str, Digests] = {}
    """Port -> digests of the task's inputs."""
    shared: dict[str, str] = {}
    """Name -> digest of intermediate results that the task shared with others."""
    ledgers: dict[str, str] = {}
    """Name -> identity of the ledgers of teachers that the task took from."""
    created: str = ""
    """UTC time of the commit, ISO 8601."""
    seconds: float = 0.0
    """How long the task took."""
    cpu_seconds: float = 0.0
    """Time of all cores that the task took, that of its own processes included; 0: not known."""
    absent: str = ""
    """Reason for a manifest without files: `reviews has no champion yet`."""
    left_out: bool = False
    """Of such a manifest: a selection stopped what it would have come from. Where it is given for an optional
    port, nothing is made either."""

    @model_validator(mode="after")
    def _speaks_of_its_files(self) -> Self:
        # What trusts a manifest trusts its digest, so the two must be of the same bytes.
        if len({f.path for f in self.files}) < len(self.files):
            raise ValueError("names a file twice")
        if self.digest != (tree_digest(self.files) if self.files else ""):
            raise ValueError("its digest is not that of its files")
        return self

    @classmethod
    def nothing(cls, kind: str, why: str, *, left_out: bool = False) -> Self:
        """A manifest without files, with the reason; `left_out`: a selection is it."""
        return cls(kind=kind, format="", digest="", files=(), absent=why, left_out=left_out)

    @property
    def key(self) -> str:
        """Where the bytes lie, relative to the store's root."""
        return f"objects/{self.digest}"

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(f.size for f in self.files)

    @property
    def passed(self) -> bool:
        """False for the verdict of a gate that refused; True for everything else."""
        return bool(self.meta.get("passed", True))

    @classmethod
    def read(cls, text: str | bytes, *, where: str) -> Self:
        """Parse a manifest; `where` names its place in the error."""
        try:
            # JSON has no infinity: it would come back as null
            return cls.model_validate(from_json(text, allow_inf_nan=False))
        except ValidationError as error:
            first = error.errors()[0]
            place = " ".join(".".join(str(part) for part in first["loc"]).split())  # names may hold anything
            problem = f"{place + ': ' if place else ''}{first['msg']}"
        except ValueError as error:
            problem = str(error)
        raise BadRequest(f"{where}: not a manifest: {problem}. Run the step that makes it again.")

    def dump(self) -> str:
        """The manifest as JSON text."""
        return self.model_dump_json(indent=1)
