"""Names of an artifact's files: those that every file system, bucket, log and terminal can hold."""

import re
import unicodedata
from collections.abc import Iterable

from slmworks.contract.errors import BadRequest

MOST_FILES = 200_000
"""Files of one artifact: its manifest is read in some 10 s and 400 MB, and travels with every task."""
LONGEST_PART = 255
"""Bytes of a file's or a folder's name, as file systems have it."""
LONGEST = 900
"""Bytes of a path below the artifact's folder; a bucket's key has 1,024 with the store's prefix."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line ends, and those that turn the direction of a text."""
_SURROGATES = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes that are not UTF-8."""


def wrong_with(path: str, longest: int = LONGEST) -> str:
    """Why a path cannot be that of an artifact's file, as the end of a sentence; empty if it can.

    `longest`: bytes that the whole of it may have.
    """
    parts = path.split("/")
    if "\\" in path or any(part in ("", ".", "..") for part in parts):
        return "must be a path below the artifact's folder"
    if _SURROGATES.search(path):
        return "is not UTF-8"
    if _CONTROLS.search(path):
        return "holds a control character"
    if len(path.encode()) > longest or any(len(part.encode()) > LONGEST_PART for part in parts):
        return f"is longer than {LONGEST_PART} bytes (a whole path: {longest})"
    return ""


def refuse(paths: Iterable[str], what: str = "an artifact") -> None:
    """BadRequest for a path that cannot be an artifact's, and for more than an artifact may have."""
    for count, path in enumerate(paths, start=1):
        if problem := wrong_with(path):
            raise BadRequest(f"{what}: the name of its file '{written_out(path)}' {problem}; rename it.")
        if count > MOST_FILES:
            raise BadRequest(
                f"{what}: more than {MOST_FILES:,} files, which its manifest would list; pack the rows into "
                "fewer files."
            )


def written_out(name: str) -> str:
    """A name for an error's line: what can't be seen is escaped, and a long one is cut."""
    seen = re.sub(f"{_CONTROLS.pattern}|{_SURROGATES.pattern}", _escaped, name)
    return seen if len(seen) <= LONGEST_PART else f"{seen[: LONGEST_PART - 1]}…"


def colliding(paths: Iterable[str]) -> tuple[str, str] | None:
    """Two paths that are one on some file system, or of which one is a folder of the other; else None.

    macOS and Windows take names for the same that differ in case or in how an accent is composed.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = unicodedata.normalize("NFC", path.casefold())
        other = seen.setdefault(key, path)
        if other != path:
            return other, path
        parts, named = key.split("/"), path.split("/")
        for depth in range(1, len(parts)):
            above, folder = "/".join(parts[:depth]), "/".join(named[:depth])
            if folders.setdefault(above, folder) != folder:
                return folders[above], folder
    both = next((key for key in seen if key in folders), None)
    return None if both is None else (seen[both], folders[both])


def _escaped(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}" if ord(found[0]) < 0x100 else f"\\u{ord(found[0]):04x}"
