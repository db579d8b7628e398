"""GGUF headers: metadata and tensor descriptions of a file, every length checked before it is believed.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little-endian. Nothing
of a vocabulary becomes a numpy object, so a header costs megabytes and tenths of a second. This file stands
alone: the standard library is all it needs, and releases carry a copy.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.errors import BadRequest

MAGIC = b"GGUF"
VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Value type -> struct code."""
_DEEPEST = 4
"""Arrays in arrays that are followed."""


class Damaged(Exception):
    """A value that no whole file holds."""


@dataclass(frozen=True)
class Tensor:
    """One tensor's description."""

    name: str
    shape: tuple[int, ...]
    """Rows first, as numpy and torch have it (the file has columns first)."""
    type: int
    """ggml's number of its type."""
    offset: int
    """Bytes from the start of the file."""

    @property
    def elements(self) -> int:
        """Number of weights."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True)
class GgufHeader:
    """What stands before the weights."""

    path: Path
    metadata: Mapping[str, Any]
    """Key -> value; arrays are lists."""
    types: Mapping[str, tuple[int, int | None]]
    """Key -> (value type, element type of an array), as the file numbers them."""
    tensors: tuple[Tensor, ...]

    @property
    def architecture(self) -> str:
        """`general.architecture`; empty where the file names none."""
        return str(self.metadata.get("general.architecture", ""))

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.elements for tensor in self.tensors)


def the_file(folder: Path) -> Path:
    """The one .gguf file of a folder; BadRequest for none or several."""
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise BadRequest(f"{folder.name}/ holds {len(found)} .gguf files; a model of format 'gguf' is one.")
    return found[0]


def read_header(path: Path) -> GgufHeader:
    """The header of a file; BadRequest for one that is damaged, cut short within, or of no GGUF model.

    Whether the weights behind it are all there isn't looked at.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(24)
    if start[:4] != MAGIC:
        shown = start[:4].hex(" ") or "nothing"
        raise BadRequest(f"{path.name}: not a GGUF file (it starts with {shown}, not with 'GGUF').")
    if len(start) < 24:
        raise BadRequest(_cut(path, size))
    version, tensors, entries = struct.unpack("<IQQ", start[4:])
    _check_version(path, version)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        try:
            return _header(path, view, tensors, entries)
        except (struct.error, IndexError, OverflowError):
            raise BadRequest(_cut(path, size)) from None
        except (Damaged, UnicodeDecodeError) as error:
            raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> BadRequest:
    """The line about a file whose lengths or types can't be."""
    return BadRequest(f"{path.name}: its header is damaged ({error}); fetch the file again.")


def _cut(path: Path, size: int) -> str:
    return f"{path.name}: cut short after {size:,} bytes, inside its header; fetch the file again."


def _check_version(path: Path, version: int) -> None:
    if version in VERSIONS:
        return
    if int.from_bytes(version.to_bytes(4, "little"), "big") in VERSIONS:
        raise BadRequest(
            f"{path.name}: a big-endian GGUF file; convert it with gguf's `gguf-convert-endian`."
        )
    known = " and ".join(map(str, VERSIONS))
    raise BadRequest(
        f"{path.name}: GGUF version {version}, and versions {known} are read; write it anew with today's "
        "llama.cpp converter."
    )


def _header(path: Path, view: mmap.mmap, count: int, entries: int) -> GgufHeader:
    cursor = _Cursor(view)
    metadata: dict[str, Any] = {}
    types: dict[str, tuple[int, int | None]] = {}
    for _ in range(cursor.plausible(entries, least=13)):
        key = cursor.text()
        if key in metadata:
            raise Damaged(f"the key {key} is there twice")
        metadata[key], types[key] = cursor.value()
    split = metadata.get("split.count", 0)
    if isinstance(split, int) and split > 1:
        raise BadRequest(
            f"{path.name}: part of a model in {split} files; join them with llama.cpp's "
            "`llama-gguf-split --merge` and give the one file."
        )
    described = [cursor.tensor() for _ in range(cursor.plausible(count, least=24))]
    align = metadata.get("general.alignment", 32)
    if not isinstance(align, int) or align <= 0 or align & (align - 1):
        raise Damaged(f"an alignment of {align}")
    base = -(-cursor.at // align) * align
    tensors = tuple(Tensor(name, shape, number, base + offset) for name, shape, number, offset in described)
    return GgufHeader(path, metadata, types, tensors)


class _Cursor:
    """A place in the header that moves on with each value."""

    def __init__(self, view: mmap.mmap) -> None:
        self.view, self.at = view, len(MAGIC) + 20

    def number(self, code: str) -> Any:
        (found,) = struct.unpack_from("<" + code, self.view, self.at)
        self.at += struct.calcsize("<" + code)
        return found

    def plausible(self, count: int, *, least: int) -> int:
        """A count of things of at least so many bytes each; struct.error if they can't be in the file."""
        if count * least > len(self.view) - self.at:
            raise struct.error
        return count

    def text(self) -> str:
        length = self.plausible(self.number("Q"), least=1)
        self.at += length
        return self.view[self.at - length : self.at].decode("utf-8")

    def value(self) -> tuple[Any, tuple[int, int | None]]:
        kind = self.number("I")
        if kind != _ARRAY:
            return self._one(kind), (kind, None)
        return self._array(0), (kind, self._element)

    def _one(self, kind: int, depth: int = 0) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY and depth < _DEEPEST:
            return self._array(depth)
        if kind not in _SCALARS:
            raise Damaged(f"a value of type {kind}")
        return self.number(_SCALARS[kind])

    def _array(self, depth: int) -> list[Any]:
        kind, length = self.number("I"), self.number("Q")
        self._element = kind
        if kind not in _SCALARS:
            return [self._one(kind, depth + 1) for _ in range(self.plausible(length, least=8))]
        code = _SCALARS[kind]
        width = struct.calcsize("<" + code)
        self.plausible(length, least=width)
        self.at += length * width
        return list(struct.unpack_from(f"<{length}{code}", self.view, self.at - length * width))

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """Name, shape (rows first), type and offset within the data."""
        name, dimensions = self.text(), self.number("I")
        if dimensions > 8:
            raise Damaged(f"{name} has {dimensions} dimensions")
        shape = tuple(self.number("Q") for _ in range(dimensions))[::-1]
        return name, shape, self.number("I"), self.number("Q")
