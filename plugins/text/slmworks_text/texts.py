"""Texts on disk, found again by their number."""

import os
from array import array
from pathlib import Path
from typing import Any


class Texts:
    """An append-only file of texts. Memory: 8 bytes a text."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ends = array("Q", (0,))
        self.file = path.open("w+b")

    def __len__(self) -> int:
        return len(self.ends) - 1

    def extend(self, texts: Any) -> None:
        """Add an Arrow array of large strings; they are numbered from 0 in the order in which they come."""
        import numpy as np
        import pyarrow as pa

        texts = texts.cast(pa.large_string())  # whose ends have 64 bits
        _, offsets, content = texts.buffers()
        ends = np.frombuffer(offsets, "int64", len(texts) + 1, texts.offset * 8)
        if ends[0] < ends[-1]:
            self.file.write(memoryview(content)[ends[0] : ends[-1]])
        self.ends.frombytes((ends[1:] - ends[0] + self.ends[-1]).astype("uint64").tobytes())

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
