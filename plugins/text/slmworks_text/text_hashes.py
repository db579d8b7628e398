"""Equal entries of a long list of numbers, found in memory that does not grow with the list."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PART = 250_000
"""About as many entries at most are in memory at a time: those whose number leaves the same remainder."""
SCANS = 8
"""A file is read so many times, once a part; one of more parts is split into files before."""
PIECE = 65_536
"""Entries that are read at a time."""
BITS = 20
"""Bits of a number that are counted at a time: what no other entry shares is left out before sorting."""

Buckets = tuple[Any, Any]
"""Positions of equal entries beside each other, ascending, and how many belong together (two arrays)."""


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
        for positions, sizes in self.entries().buckets():
            listed, end = positions.tolist(), 0
            for size in sizes.tolist():
                yield listed[end : (end := end + size)]

    def entries(self) -> "Entries":
        """What the file holds now; another process of this machine can read it too."""
        self._file.flush()
        return Entries(self.path, self.width, self.size)


@dataclass(frozen=True)
class Entries:
    """Numbers in a file: `size` entries of `width` 64-bit numbers each."""

    path: Path
    width: int
    size: int
    placed: bool = False
    """Behind the numbers of each stands its position; else that is its place in the file."""

    def buckets(self) -> Iterator[Buckets]:
        """The entries that occur more than once, a part of them at a time."""
        parts = 1 << (max(0, self.size - 1) // PART).bit_length()
        if parts <= SCANS:
            for part in range(parts):
                yield self._buckets(*self.part(part, parts))
            return
        with TemporaryDirectory(dir=self.path.parent) as folder:
            files = parts // SCANS
            for start, file in enumerate(self._split(Path(folder), files)):
                for part in range(start, parts, files):
                    yield self._buckets(*file.part(part, parts))
                file.path.unlink()

    def _buckets(self, numbers: Any, where: Any) -> Buckets:
        import numpy as np

        # Most entries occur once. What shares some bits of its first number with another, and further bits
        # with one of those that are left, is sorted: little else than what is equal.
        found, first = np.arange(len(numbers)), numbers[:, 0]
        for shift in (64 - BITS, 64 - 2 * BITS):
            bits = ((first >> np.uint64(shift)) & np.uint64((1 << BITS) - 1)).astype("int64")
            crowded = np.flatnonzero((np.bincount(bits, minlength=1 << BITS) > 1)[bits])
            found, first = found[crowded], first[crowded]
        if not len(found):
            return where[:0], np.empty(0, "int64")
        numbers, where = numbers[found], where[found]
        # Sorts by the first number, then the second; equal entries stay in the order of their positions.
        order = np.lexsort(numbers.T[::-1])
        numbers = numbers[order]
        edges = np.flatnonzero((numbers[1:] != numbers[:-1]).any(axis=1)) + 1
        sizes = np.diff(edges, prepend=0, append=len(numbers))
        return where[order][np.repeat(sizes > 1, sizes)], sizes[sizes > 1]

    def part(self, part: int, parts: int) -> tuple[Any, Any]:
        """Entries and positions of those whose first number leaves the remainder `part`, of a power of 2."""
        import numpy as np

        numbers, where = [np.empty((0, self.width), "uint64")], [np.empty(0, "uint32")]
        for piece, positions in self._pieces():
            here = np.flatnonzero(piece[:, 0] & np.uint64(parts - 1) == part)
            numbers.append(piece[here])
            where.append(positions[here])
        return np.concatenate(numbers), np.concatenate(where)

    def _pieces(self) -> Iterator[tuple[Any, Any]]:
        """All entries and their positions, some at a time."""
        import numpy as np

        columns = self.width + self.placed
        for start in range(0, self.size, PIECE):
            count = min(PIECE, self.size - start)
            piece = np.fromfile(self.path, "uint64", count * columns, offset=start * columns * 8)
            piece = piece.reshape(-1, columns)
            places = piece[:, self.width] if self.placed else np.arange(start, start + count)
            yield piece[:, : self.width], places.astype("uint32")

    def _split(self, folder: Path, files: int) -> "list[Entries]":
        """The entries in so many files, a power of 2, by the remainder that their first number leaves."""
        import numpy as np

        paths, sizes = [folder / f"{i}" for i in range(files)], [0] * files
        with contextlib.ExitStack() as stack:
            opened = [stack.enter_context(path.open("wb")) for path in paths]
            for piece, positions in self._pieces():
                whole = np.column_stack((piece, positions))
                rest = piece[:, 0] & np.uint64(files - 1)
                order = np.argsort(rest, kind="stable")
                ends = np.cumsum(np.bincount(rest.astype("int64"), minlength=files))
                for i, some in enumerate(np.split(whole[order], ends[:-1])):
                    opened[i].write(some.tobytes())
                    sizes[i] += len(some)
        return [Entries(path, self.width, size, placed=True) for path, size in zip(paths, sizes, strict=True)]


def write_buckets(entries: Entries) -> Path:
    """Write the buckets of all parts into a file beside the entries', which `read_buckets` reads."""
    import numpy as np

    path = entries.path.with_suffix(".buckets")
    with path.open("wb") as file:
        for buckets in entries.buckets():
            for array in buckets:
                np.save(file, array)
    return path


def read_buckets(path: Path) -> Iterator[Buckets]:
    """The buckets that were written, a part at a time; the file is gone behind the last."""
    import numpy as np

    size = path.stat().st_size
    with path.open("rb") as file:
        while file.tell() < size:
            yield np.load(file), np.load(file)
    path.unlink()
