"""BM25: passages scored by the words that they share with a question (Robertson & Zaragoza, 2009).

What a word adds to a passage's score is computed once, when the index is made. Words are known by a hash of
64 bits, so that an index holds no vocabulary and is read from disk as it lies.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.model_tasks.text_generation.retrieval.ranking import best

if TYPE_CHECKING:
    import numpy as np

BM25_FILES = ("terms", "starts", "postings", "weights")
"""Arrays of an index, each a file `<name>.npy`: hashes of words [terms], where their postings begin
[terms + 1], numbers of passages [postings], what the word adds to their score [postings]."""
_WORD = re.compile(r"\w+")


def words(text: str) -> Iterator[str]:
    """The words of a text, in small letters: runs of letters and digits."""
    return (found.group() for found in _WORD.finditer(text.casefold()))


def word_hash(word: str) -> int:
    """A word's number, from 0 to 2^64 - 1."""
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


class LexicalIndex:
    """Passages, found by their words; its arrays stay on disk, and come into memory as they are read."""

    def __init__(self, folder: Path, passages: int) -> None:
        """Open the files `BM25_FILES` of an index of so many passages."""
        import numpy as np

        self._passages = passages
        self._terms, self._starts, self._postings, self._weights = (
            np.load(folder / f"{name}.npy", mmap_mode="r") for name in BM25_FILES
        )

    def scores(self, question: str) -> "np.ndarray[Any, Any]":
        """BM25 of every passage for a question, float32 [passages]; 0 where no word is shared."""
        import numpy as np

        found = np.zeros(self._passages, np.float32)
        hashes = np.array(sorted({word_hash(word) for word in words(question)}), np.uint64)
        places = np.searchsorted(self._terms, hashes)
        for place, hashed in zip(places.tolist(), hashes.tolist(), strict=True):
            if place < len(self._terms) and int(self._terms[place]) == hashed:
                start, end = self._starts[place : place + 2].tolist()
                found[self._postings[start:end]] += self._weights[start:end]
        return found

    def best(self, question: str, count: int) -> list[int]:
        """Numbers of the `count` passages with the highest scores, which share a word, the best first."""
        import numpy as np

        scores = self.scores(question)
        sharing = np.flatnonzero(scores)
        return sharing[best(scores[sharing], count)].tolist() if len(sharing) else []
