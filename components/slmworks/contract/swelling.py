"""How far compressed data may swell before it is taken for a file that is made to fill a disk.

Text shrinks to a tenth and repetitive logs to a hundredth of their size; what is made to harm shrinks to a
thousandth (deflate's limit) and far below (xz).
"""

import io
from collections.abc import Callable
from typing import IO, Any

RATIO = 200
"""Bytes out for each byte in."""
FREE = 10**9
"""Bytes that anything may swell to, however small it is."""


def swollen(size: int, packed: int, ratio: float = RATIO) -> bool:
    """Whether `size` bytes are more than should come out of `packed` ones."""
    return size > max(FREE, ratio * packed)


class Counted(io.RawIOBase):
    """A stream whose bytes are counted as they are read; `count` is told how many there were so far."""

    def __init__(self, stream: IO[bytes], count: Callable[[int], None]) -> None:
        self.stream = stream
        self.count = count
        self.total = 0

    def readable(self) -> bool:
        """As of any stream that is read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """As of any stream."""
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        self.total += len(data)
        self.count(self.total)
        return len(data)
