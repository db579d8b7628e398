"""The shingles of some texts in arrays, and how alike pairs of them are."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from slmworks_text.arrays import distinct
from slmworks_text.shingle_hashes import token_hashes
from slmworks_text.texts import Texts

CHARACTERS = 500_000
"""Of texts that are hashed at a time."""
SHINGLES = 250_000
"""Of pairs that are compared at a time."""
KEPT = 32_000_000
"""Bytes of long texts' shingles in memory."""

T = TypeVar("T")
Pair = tuple[int, int]
"""Numbers of two texts."""


class ShingleSets:
    """The sets of shingles of texts, by their 64-bit hashes; memory: eight bytes a shingle, four times."""

    def __init__(self, texts: Sequence[str]) -> None:
        import numpy as np

        hashed = [token_hashes(piece) for piece in _runs(texts, map(len, texts), CHARACTERS)]
        counts = np.concatenate([np.diff(edges.astype("int64")) for _, edges in hashed])
        ranks = np.unique(np.concatenate([hashes for hashes, _ in hashed]), return_inverse=True)[1]
        self.number = len(ranks) + 1
        self.members = distinct(np.repeat(np.arange(len(texts)) * self.number, counts) + ranks)
        """Text times `number`, and a number for each different shingle: ascending."""
        self.sizes = np.bincount(self.members // self.number, minlength=len(texts))
        self.starts = np.cumsum(self.sizes) - self.sizes

    def similarities(self, pairs: Sequence[Pair]) -> Any:
        """Jaccard similarity of each pair (float array)."""
        import numpy as np

        texts = np.array(pairs, "int64").reshape(-1)
        sizes = self.sizes[texts]
        side = np.repeat(np.arange(len(texts)), sizes)  # two a pair
        within = np.arange(len(side)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        shingles = self.members[self.starts[texts][side] + within] % self.number
        found = np.sort(side // 2 * self.number + shingles)
        shared = np.bincount(found[1:][found[1:] == found[:-1]] // self.number, minlength=len(pairs))
        return shared / (sizes.reshape(-1, 2).sum(axis=1) - shared)

    def chunks(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        """The pairs, as many at a time as have `SHINGLES` together."""
        return _runs(pairs, (int(self.sizes[one] + self.sizes[other]) for one, other in pairs), SHINGLES)


class LongSets:
    """Shingles of the texts that were asked for last, one array each."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self.kept: OrderedDict[int, Any] = OrderedDict()
        self.bytes = 0

    def similarity(self, one: int, other: int) -> float:
        """Jaccard similarity of two texts, by their numbers."""
        import numpy as np

        a, b = self._of(one), self._of(other)
        shared = len(np.intersect1d(a, b, assume_unique=True))
        return shared / (len(a) + len(b) - shared)

    def _of(self, number: int) -> Any:
        if number in self.kept:
            self.kept.move_to_end(number)
            return self.kept[number]
        found = self.kept[number] = distinct(token_hashes([self.texts[number]])[0])
        self.bytes += found.nbytes
        while self.bytes > KEPT and len(self.kept) > 1:
            self.bytes -= self.kept.popitem(last=False)[1].nbytes
        return found


def _runs(items: Sequence[T], sizes: Iterable[int], most: int) -> Iterator[Sequence[T]]:
    """The items, as many at a time as come to a size together."""
    start, size = 0, 0
    for end, one in enumerate(sizes, 1):
        size += one
        if size >= most or end == len(items):
            yield items[start:end]
            start, size = end, 0
