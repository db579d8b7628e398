"""Texts on disk, found again by their number."""

import os
from array import array
from collections.abc import Sequence
from itertools import accumulate, islice
from pathlib import Path


class Texts:
    """An append-only file of texts. Memory: 8 bytes a text."""

    def __init__(self, path: Path) -> None:
        self.ends = array("Q", (0,))
        self.file = path.open("w+b")

    def __len__(self) -> int:
        return len(self.ends) - 1

    def extend(self, texts: Sequence[str]) -> None:
        """Add texts; they are numbered from 0 in the order in which they come."""
        contents = [text.encode() for text in texts]
        self.file.write(b"".join(contents))
        self.ends.extend(islice(accumulate(map(len, contents), initial=self.ends[-1]), 1, None))

    def flush(self) -> None:
        """Make everything that was added readable."""
        self.file.flush()

    def __getitem__(self, number: int) -> str:
        start, end = self.ends[number], self.ends[number + 1]
        return os.pread(self.file.fileno(), end - start, start).decode()

    def size(self, number: int) -> int:
        """Bytes of a text."""
        return self.ends[number + 1] - self.ends[number]

    def close(self) -> None:
        """Close the file."""
        self.file.close()
