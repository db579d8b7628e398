"""Near duplicates among texts: MinHash bands propose pairs, exact Jaccard of shingles decides.

Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. At 0.8 most texts with 5-20 % of their words changed are *not*
near duplicates: lower the threshold for those.

Texts and band hashes are on disk; pairs are checked as they are proposed, none is kept.
"""

import itertools
from array import array
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from slmworks_text.joins.components import Components
from slmworks_text.shingle_hashes import token_hashes
from slmworks_text.shingle_sets import LongSets, Pair, ShingleSets
from slmworks_text.text_hashes import Hashes
from slmworks_text.texts import Texts

PERMUTATIONS = 128
SIGNATURE_SEED = 42
MARGIN = 0.15
"""Proposes 99.8 % of the pairs at a threshold of 0.8 (six rows in each of 21 bands)."""
CHUNK = 5_000
ROWS = 64
"""Signatures are taken out of rensa so many at a time: as Python's numbers they must fit into a cache."""
CROWD = 400
"""A band's bucket with more texts than this is compared with its first text only, not pair by pair."""
PAIRS = 50_000
"""Pairs are checked when so many were proposed; those that several bands propose are checked once."""
LONG = 5_000
"""Bytes from which a text's shingles are kept for the next pair."""
COMPARED = CROWD * LONG
"""Bytes of short texts whose shingles are in memory at a time: a whole bucket's."""

MIX = 0x9E3779B97F4A7C15
"""An odd 64-bit multiplier (2^64 over the golden ratio)."""


class NearDuplicates:
    """Finds near duplicates among distinct texts. `threshold` is a Jaccard similarity."""

    def __init__(self, threshold: float, folder: Path) -> None:
        self.threshold = threshold
        self.rows = rows_in_a_band(threshold)
        self.bands = [Hashes(folder / f"band-{i}") for i in range(PERMUTATIONS // self.rows)]
        self.texts = Texts(folder / "texts")

    def extend(self, texts: Sequence[str]) -> None:
        """Add texts; they are numbered from 0 in the order in which they come."""
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            self.texts.extend(chunk)
            self.add(band_hashes(chunk, self.rows))

    def add(self, found: Sequence[Any]) -> None:
        """Add the hashes of further texts, an array a band."""
        for band, hashes in zip(self.bands, found, strict=True):
            band.extend(hashes)

    def join(self, components: Components, numbers: Any, progress: Callable[[int, int], None]) -> None:
        """Join texts that are near; text i is the component's member `numbers[i]`.

        Calls `progress(bands done, bands)`.
        """
        longs = LongSets(self.texts)
        for pairs in self.proposed(progress):
            apart = [(a, b) for a, b in pairs if components.apart(numbers[a], numbers[b])]
            short, long = self._by_length(apart)
            for a, b in long:
                one, other = numbers[a], numbers[b]
                if components.apart(one, other) and longs.similarity(a, b) >= self.threshold:
                    components.join(one, other)
            for block in self._blocks(short):
                self._join(block, components, numbers)

    def _by_length(self, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
        """Pairs of short texts, which are compared many at a time, and those with a long one."""
        found: tuple[list[Pair], list[Pair]] = [], []
        for pair in pairs:
            found[max(map(self.texts.size, pair)) > LONG].append(pair)
        return found

    def _join(self, pairs: Sequence[Pair], components: Components, numbers: Any) -> None:
        """Join short texts that are near."""
        members = sorted({number for pair in pairs for number in pair})
        place = {number: i for i, number in enumerate(members)}
        sets = ShingleSets([self.texts[number] for number in members])
        for chunk in sets.chunks([(place[a], place[b]) for a, b in pairs]):
            some = [
                (one, other)
                for one, other in chunk  # not those that the chunk before has joined
                if components.apart(numbers[members[one]], numbers[members[other]])
            ]
            near = sets.similarities(some) >= self.threshold
            for a, b in itertools.compress(some, near.tolist()):
                components.join(numbers[members[a]], numbers[members[b]])

    def _blocks(self, pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
        """Pairs whose texts together have so many bytes that their shingles fit into memory at once."""
        start, size, known = 0, 0, set[int]()
        for end, pair in enumerate(pairs, 1):
            size += sum(self.texts.size(number) for number in pair if number not in known)
            known.update(pair)
            if size >= COMPARED or end == len(pairs):
                yield pairs[start:end]
                start, size = end, 0
                known.clear()

    def proposed(self, progress: Callable[[int, int], None]) -> Iterator[Sequence[Pair]]:
        """Pairs that share a bucket, in blocks; sorted, so that the texts of one follow each other."""
        self.texts.flush()
        pairs: set[int] = set()
        for done, band in enumerate(self.bands):
            progress(done, len(self.bands))
            for bucket in band.groups():
                if len(bucket) == 2:
                    pairs.add(bucket[0] << 32 | bucket[1])
                else:
                    pairs.update(a << 32 | b for a, b in _pairs(bucket))
                if len(pairs) >= PAIRS:
                    yield _sorted(pairs)
                    pairs.clear()
        yield _sorted(pairs)

    def close(self) -> None:
        """Close the files."""
        self.texts.close()
        for band in self.bands:
            band.close()


def _pairs(bucket: Sequence[int]) -> Iterator[Pair]:
    if len(bucket) <= CROWD:
        return combinations(bucket, 2)
    return ((bucket[0], other) for other in bucket[1:])


def _sorted(pairs: set[int]) -> list[Pair]:
    return [(pair >> 32, pair & 0xFFFFFFFF) for pair in sorted(pairs)]


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Size of the intersection over size of the union."""
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)


def rows_in_a_band(threshold: float) -> int:
    """The longest band whose S-curve, (1/bands)^(1/rows), still rises well before the threshold."""
    for rows in range(16, 1, -1):
        if (rows / PERMUTATIONS) ** (1 / rows) <= threshold - MARGIN:
            return rows
    return 1


def band_hashes(texts: Sequence[str], rows: int) -> list[Any]:
    """For each band of `rows` signature rows a hash of every text (uint64)."""
    found = signatures(texts).T.copy()
    return [mixed(found[start : start + rows]) for start in range(0, PERMUTATIONS - rows + 1, rows)]


def signatures(texts: Sequence[str]) -> Any:
    """MinHash signatures of shingles: an array of `len(texts)` x 128 unsigned 32-bit numbers."""
    import numpy as np
    from rensa import RMinHash

    hashes, edges = token_hashes(texts)
    found = array("I")
    for start in range(0, len(texts), ROWS):
        part = edges[start : start + ROWS + 1]
        here = hashes[int(part[0]) : int(part[-1])]
        made = RMinHash.digest_matrix_from_flat_token_hashes(
            here, part - part[0], PERMUTATIONS, SIGNATURE_SEED
        )
        for row in made.to_rows():
            found.fromlist(row)
    return np.frombuffer(found, "uint32").reshape(-1, PERMUTATIONS)


def mixed(columns: Any) -> Any:
    """A 64-bit hash for each place of the columns, an array with a column a row.

    A collision proposes a pair too many, which the check refuses.
    """
    import numpy as np

    found = np.zeros(columns.shape[1], "uint64")
    for column in columns:
        found *= np.uint64(MIX)
        found += column
    return found
