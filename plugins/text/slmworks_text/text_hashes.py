"""Equal entries of a long list of numbers, found in memory that does not grow with the list."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slmworks_text.arrays import distinct

PART = 250_000
"""About as many entries are in memory at a time: those whose number leaves the same remainder."""
PIECE = 65_536
BITS = 20
"""High bits of a number by which it is first told from others."""


class Hashes:
    """A file of entries of `width` 64-bit numbers each."""

    def __init__(self, path: Path, width: int = 1) -> None:
        self.path = path
        self.width = width
        self.size = 0
        self._file = path.open("ab")

    def extend(self, block: Any) -> None:
        """Add entries: an array of n x `width` unsigned 64-bit numbers."""
        self._file.write(block.tobytes())
        self.size += len(block)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def groups(self) -> Iterator[list[int]]:
        """The positions, ascending, of each entry that occurs more than once."""
        self._file.flush()
        parts = 1 << (self.size // PART).bit_length()
        for part in range(parts):
            yield from self._groups(*self._part(part, parts))

    def _groups(self, numbers: Any, where: Any) -> Iterator[list[int]]:
        import numpy as np

        # Most entries occur once. Some share high bits of their first number with another, few all of it:
        # only these are sorted with their positions.
        high = (numbers[:, 0] >> np.uint64(64 - BITS)).astype("int64")
        crowded = np.flatnonzero((np.bincount(high, minlength=1 << BITS) > 1)[high])
        first = numbers[crowded, 0]
        ordered = np.sort(first)
        again = distinct(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(again):
            return
        spots = np.minimum(np.searchsorted(again, first), len(again) - 1)
        found = crowded[again[spots] == first]
        numbers, where = numbers[found], where[found]
        # Sorts by the first number, then the second; equal entries stay in the order of their positions.
        order = np.lexsort(numbers.T[::-1])
        numbers = numbers[order]
        same = (numbers[1:] == numbers[:-1]).all(axis=1)
        starts = np.flatnonzero(np.diff(same, prepend=False, append=False))
        where = where[order].tolist()
        for start, end in starts.reshape(-1, 2).tolist():
            yield where[start : end + 1]

    def _part(self, part: int, parts: int) -> tuple[Any, Any]:
        """Entries and positions of those whose first number leaves the remainder `part`, of a power of 2."""
        import numpy as np

        numbers, where = [np.empty((0, self.width), "uint64")], [np.empty(0, "uint32")]
        for start in range(0, self.size, PIECE):
            count = min(PIECE, self.size - start) * self.width
            piece = np.fromfile(self.path, "uint64", count, offset=start * self.width * 8)
            piece = piece.reshape(-1, self.width)
            here = np.flatnonzero(piece[:, 0] & np.uint64(parts - 1) == part)
            numbers.append(piece[here])
            where.append((here + start).astype("uint32"))
        return np.concatenate(numbers), np.concatenate(where)
