"""Take files out of tar and zip archives without trusting them.

Refuses absolute paths and `..` anywhere in the archive, and links and devices among the wanted members.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO

from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.fetch.local import fixed_part, hidden


@dataclass(frozen=True)
class Member:
    """One entry of an archive that is not a folder."""

    name: str
    regular: bool
    """A plain file: no link, no device, not encrypted."""
    open: Callable[[], IO[bytes]]


def extract(archive: Path, *, kind: str, pattern: str, target: Path, strip: bool = False) -> list[Path]:
    """Write the members that `pattern` means below `target`; returns the files written, sorted.

    `kind` is `tar` (any compression) or `zip`; `strip` drops the one folder at the top of an sdist.
    """
    with _members(archive, kind) as members:
        found = {_safe(archive, member.name, strip=strip): member for member in members}
        chosen = select(list(found), pattern)
        if not chosen:
            hint = did_you_mean(pattern, found)
            raise BadRequest(f"{archive.name}: no file '{pattern}' in it. {hint}")
        return sorted(_write(archive, found[name], target / path) for name, path in chosen.items())


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
        root = fixed_part(pattern)
        wanted = pattern.split("/")
        matching = (name for name in names if _matches(name.split("/"), wanted))
        chosen = {name: name.removeprefix(root).lstrip("/") for name in matching}
    return {name: path for name, path in chosen.items() if not hidden(path)}


def _matches(parts: list[str], wanted: list[str]) -> bool:
    """Glob by path component, so that `*` does not cross a slash and `**` does."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_matches(parts[i:], wanted[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _matches(parts[1:], wanted[1:])


def _safe(archive: Path, name: str, *, strip: bool) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise BadRequest(f"{archive.name}: its member '{name}' would be written outside its folder; refused.")
    return "/".join(path.parts[1:] if strip else path.parts)


def _write(archive: Path, member: Member, target: Path) -> Path:
    if not member.regular:
        raise BadRequest(
            f"{archive.name}: its member '{member.name}' is a link, a device or encrypted; refused."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    return target


@contextmanager
def _members(archive: Path, kind: str) -> Iterator[list[Member]]:
    try:
        if kind == "tar":
            with tarfile.open(archive) as tar:
                yield [_tar_member(tar, info) for info in tar if not info.isdir()]
        else:
            with zipfile.ZipFile(archive) as zipped:
                yield [_zip_member(zipped, info) for info in zipped.infolist() if not info.is_dir()]
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise BadRequest(f"{archive.name}: not a readable {kind} archive ({error}).") from None


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def opened() -> IO[bytes]:
        stream = tar.extractfile(info)
        assert stream is not None
        return stream

    return Member(info.name, info.isreg(), opened)


def _zip_member(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16
    plain = not mode or stat.S_IFMT(mode) in (0, stat.S_IFREG)
    encrypted = bool(info.flag_bits & 1)
    return Member(info.filename, plain and not encrypted, lambda: zipped.open(info))
