"""Take files out of tar and zip archives without trusting them.

Refuses absolute paths and `..` anywhere in the archive; links, devices and sparse files among the wanted
members; names that not every disk can hold; and archives that are made to fill one.
"""

import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO

from slmworks.contract.errors import BadRequest, did_you_mean, first_line
from slmworks.contract.file_names import written_out
from slmworks.fetch.limits import Limits, check_names
from slmworks.fetch.local import fixed_part, hidden
from slmworks.fetch.pattern import Pattern
from slmworks.fetch.unpacked import Unpacked, opened

PIECE = 1 << 20
BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
    EOFError, NotImplementedError, RecursionError, ValueError,
)  # fmt: skip
"""What Python's readers raise for damaged archives, and for those made to trip them."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive that is not a folder."""

    name: str
    fault: str
    """Why it is not taken: a link, a device, encrypted, sparse; empty for a plain file."""
    open: Callable[[], IO[bytes]]


@dataclass
class Allowance:
    """Bytes that may still come out of a download, over all archives that lie in one another."""

    limits: Limits
    packed: int
    """Bytes of the download."""
    written: int = 0

    def grow(self, what: str, size: int) -> None:
        """Count bytes that were written."""
        self.written += size
        self.limits.check_unpacked(what, self.written, self.packed)

    def reach(self, what: str, size: int) -> None:
        """Look at the bytes of a decompressed stream up to some place; they are not written."""
        self.limits.check_unpacked(what, size, self.packed)


def extract(
    archive: Path, *, kind: str, pattern: str, target: Path, allowed: Allowance, strip: bool = False
) -> list[Path]:
    """Write the members that `pattern` means below `target`; returns the files written, sorted.

    `kind` is `tar` (any compression) or `zip`; `strip` drops the one folder at the top of an sdist.
    """
    with _members(archive, kind, allowed) as members:
        found = _named(archive, members, allowed.limits, strip=strip)
        chosen = select(list(found), pattern)
        if not chosen:
            hint = did_you_mean(pattern, map(written_out, islice(found, 5000)))
            raise BadRequest(f"{archive.name}: no file '{pattern}' in it. {hint}")
        check_names(archive.name, chosen.values())
        return sorted(_write(archive, found[name], target / path, allowed) for name, path in chosen.items())


def select(names: list[str], pattern: str) -> dict[str, str]:
    """Which of `names` the pattern means: one file, a folder, or a glob (empty: all).

    Returns name -> path to write it to: the file's own name, or the path below the folder. Hidden files
    are left out of folders and globs.
    """
    if pattern in names:
        return {pattern: pattern.rpartition("/")[2]}
    prefix = pattern + "/" if pattern else ""
    chosen = {name: name[len(prefix) :] for name in names if name.startswith(prefix)}
    if not chosen:
        root, wanted = fixed_part(pattern), Pattern(pattern)
        chosen = {name: name.removeprefix(root).lstrip("/") for name in names if wanted.matches(name)}
    return {name: path for name, path in chosen.items() if not hidden(path)}


def _named(archive: Path, members: Iterator[Member], limits: Limits, *, strip: bool) -> dict[str, Member]:
    """Path inside -> member; of several with one name the last counts, as tar appends newer ones."""
    found: dict[str, Member] = {}
    for count, member in enumerate(members, start=1):
        limits.check_count(archive.name, count)
        path = PurePosixPath(member.name.replace("\\", "/"))
        shown = written_out(member.name)
        if path.is_absolute() or ".." in path.parts:
            raise BadRequest(
                f"{archive.name}: its member '{shown}' would be written outside its folder; refused."
            )
        if not path.parts:
            raise BadRequest(f"{archive.name}: its member '{shown}' has the name of a folder; refused.")
        if name := "/".join(path.parts[1:] if strip else path.parts):
            found[name] = member
    return found


def _write(archive: Path, member: Member, target: Path, allowed: Allowance) -> Path:
    if member.fault:
        raise BadRequest(
            f"{archive.name}: its member '{written_out(member.name)}' is {member.fault}; refused."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, target.open("wb") as sink:
        while piece := source.read(PIECE):
            allowed.grow(archive.name, len(piece))
            sink.write(piece)
    return target


@contextmanager
def _members(archive: Path, kind: str, allowed: Allowance) -> Iterator[Iterator[Member]]:
    try:
        if kind == "tar":
            with archive.open("rb") as raw, opened(raw) as stream:
                watched = Unpacked(stream, lambda place: allowed.reach(archive.name, place))
                with tarfile.open(fileobj=watched, mode="r:") as tar:
                    yield (_tar_member(tar, info) for info in tar if not info.isdir())
        else:
            with zipfile.ZipFile(archive) as zipped:
                yield (_zip_member(zipped, info) for info in zipped.infolist() if not info.is_dir())
    except BROKEN as error:
        raise _unreadable(archive, kind, error) from None
    except OSError as error:
        if error.errno is not None:  # the disk's; those of gzip and bz2 have none
            raise
        raise _unreadable(archive, kind, error) from None


def _unreadable(archive: Path, kind: str, error: Exception) -> BadRequest:
    return BadRequest(f"{archive.name}: not a readable {kind} archive ({first_line(error)}).")


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def content() -> IO[bytes]:
        stream = tar.extractfile(info)
        assert stream is not None
        return stream

    info.pax_headers = {}  # kept for every member otherwise
    fault = "a sparse file" if info.issparse() else "" if info.isreg() else "a link or a device"
    return Member(info.name, fault, content)


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    plain = not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG)
    fault = "encrypted" if info.flag_bits & 1 else "" if plain else "a link or a device"
    return Member(info.filename, fault, lambda: zipped.open(info))
