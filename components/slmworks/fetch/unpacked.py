"""The decompressed bytes of a tar archive, watched while they are read."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from typing import IO, Any

BY_MAGIC: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open, b"]\x00\x00": lzma.open,
}  # fmt: skip
"""First bytes of a compressed file -> what opens it."""
LONGEST_READ = 1 << 22
"""Bytes asked for at once: members are read in smaller pieces, and tar writes no header that is longer."""
ENDS = 100
"""Empty reads after which a reader is taken to wait for bytes that never come."""


def opened(raw: IO[bytes]) -> Any:
    """The content of a file that may be compressed with gzip, bzip2 or xz, as a stream."""
    start = raw.read(6)
    raw.seek(0)
    return next((opener(raw) for magic, opener in BY_MAGIC.items() if start.startswith(magic)), raw)


class Unpacked(io.RawIOBase):
    """A stream that says how far it is read, before it goes there, and hands out no endless header."""

    def __init__(self, stream: Any, reach: Callable[[int], None]) -> None:
        super().__init__()
        self.stream = stream
        self.reach = reach
        self.ends = 0

    def read(self, size: int = -1) -> bytes:
        """As of any stream; tarfile.ReadError for a header of megabytes and for reading on past the end."""
        if not 0 <= size <= LONGEST_READ:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        self.reach(self.stream.tell() + size)
        data: bytes = self.stream.read(size)
        self.ends += not data
        if self.ends > ENDS:
            raise tarfile.ReadError("unexpected end of data")
        return data

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        """As of any stream."""
        self.reach(place)
        return int(self.stream.seek(place, whence))

    def tell(self) -> int:
        """As of any stream."""
        return int(self.stream.tell())
