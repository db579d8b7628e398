"""Near duplicates among texts: MinHash bands propose pairs, exact Jaccard of shingles decides.

Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. At 0.8 most texts with 5-20 % of their words changed are *not*
near duplicates: lower the threshold for those.

Texts and band hashes are on disk; pairs are checked as they are proposed, none is kept.
"""

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

from slmworks_text.joins.components import Components
from slmworks_text.shingle_hashes import token_hashes
from slmworks_text.shingle_sets import LongSets, Pair, ShingleSets
from slmworks_text.text_hashes import Buckets, Hashes
from slmworks_text.texts import Texts

PERMUTATIONS = 128
SIGNATURE_SEED = 42
MARGIN = 0.15
"""Proposes 99.8 % of the pairs at a threshold of 0.8 (six rows in each of 21 bands)."""
CHUNK = 5_000
ROWS = 512
"""So many texts with as many shingles as each other get their signatures at a time: they fit into a cache."""
FEW = 16
"""Fewer texts than this are faster one by one."""
SHINGLES = 512
"""Of one text, permuted at a time."""
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

    def extend(self, texts: Any) -> None:
        """Add an Arrow array of large strings; they are numbered from 0 in the order in which they come."""
        self.extend_all([texts])

    def extend_all(self, texts: Iterable[Any]) -> None:
        """Add texts, an array after the other."""
        for chunk in self.stored(texts):
            self.add(band_hashes(chunk.to_pylist(), self.rows))

    def stored(self, texts: Iterable[Any]) -> Iterator[Any]:
        """Arrays of texts that were written to the file and are still to be hashed."""
        for some in texts:
            for start in range(0, len(some), CHUNK):
                chunk = some[start : start + CHUNK]
                self.texts.extend(chunk)
                yield chunk

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
            self.join_blocks(self._blocks(short), components, numbers)

    def _by_length(self, pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
        """Pairs of short texts, which are compared many at a time, and those with a long one."""
        found: tuple[list[Pair], list[Pair]] = [], []
        for pair in pairs:
            found[max(map(self.texts.size, pair)) > LONG].append(pair)
        return found

    def join_blocks(self, blocks: Iterable[Sequence[Pair]], components: Components, numbers: Any) -> None:
        """Join short texts that are near, of pairs block by block."""
        for block in blocks:
            self._join(block, components, numbers)

    def _join(self, pairs: Sequence[Pair], components: Components, numbers: Any) -> None:
        members, placed = within(pairs)
        sets = ShingleSets([self.texts[number] for number in members])
        for chunk in sets.chunks(placed):
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
        for done, parts in enumerate(self.buckets()):
            progress(done, len(self.bands))
            for positions, sizes in parts:
                for some in _pairs(positions, sizes):
                    pairs.update(some)
                    if len(pairs) >= PAIRS:
                        yield _sorted(pairs)
                        pairs.clear()
        yield _sorted(pairs)

    def buckets(self) -> Iterator[Iterable[Buckets]]:
        """The texts that share a hash, band by band."""
        for band in self.bands:
            yield band.entries().buckets()

    def close(self) -> None:
        """Close the files."""
        self.texts.close()
        for band in self.bands:
            band.close()


def _pairs(positions: Any, sizes: Any) -> Iterator[Iterable[int]]:
    """The pairs of each bucket, two numbers of 32 bits in one."""
    starts = sizes.cumsum() - sizes
    pairs = starts[sizes == 2]
    yield (positions[pairs].astype("uint64") << 32 | positions[pairs + 1]).tolist()
    for start, size in zip(starts[sizes > 2].tolist(), sizes[sizes > 2].tolist(), strict=True):
        bucket = positions[start : start + size].tolist()
        if size <= CROWD:
            yield [a << 32 | b for a, b in combinations(bucket, 2)]
        else:
            yield [bucket[0] << 32 | other for other in bucket[1:]]


def within(pairs: Sequence[Pair]) -> tuple[list[int], list[Pair]]:
    """The texts of pairs, ascending, and the pairs by their positions among these."""
    members = sorted({number for pair in pairs for number in pair})
    place = {number: i for i, number in enumerate(members)}
    return members, [(place[a], place[b]) for a, b in pairs]


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
    """For each band of `rows` signature rows a hash of every text (uint64).

    Signatures are minima over shingles of 32 bits, permuted in many ways (Broder et al., "Min-wise
    independent permutations", 1998). A collision proposes a pair too many, which the check refuses.
    """
    import numpy as np

    hashes, edges = token_hashes(texts)
    short, edges = (hashes >> np.uint64(32)).astype("uint32"), edges.astype("int64")
    counts = np.diff(edges)
    bands = PERMUTATIONS // rows
    found = np.empty((bands, len(texts)), "uint64")
    order = np.argsort(counts, kind="stable")
    for alike in np.split(order, np.flatnonzero(np.diff(counts[order])) + 1):
        for start in range(0, len(alike), ROWS):
            some = alike[start : start + ROWS]
            signatures = _minima(short, edges[some], int(counts[some[0]]))
            found[:, some] = _mixed(signatures[: bands * rows].reshape(bands, rows, -1))
    return list(found)


def _minima(hashes: Any, first: Any, count: int) -> Any:
    """Signatures (permutations x texts) of texts with `count` hashes each, from `first` on (uint32)."""
    import numpy as np

    factors, terms = _permutations()
    found = np.full((PERMUTATIONS, len(first)), 0xFFFFFFFF, "uint32")
    if len(first) < FEW:
        permuted = np.empty((PERMUTATIONS, min(SHINGLES, count)), "uint32")
        for text, start in enumerate(first.tolist()):
            for at in range(start, start + count, SHINGLES):
                some = hashes[at : min(at + SHINGLES, start + count)]
                here = np.multiply(factors, some, out=permuted[:, : len(some)])
                here += terms
                np.minimum(found[:, text], here.min(axis=1), out=found[:, text])
        return found
    permuted = np.empty_like(found)
    for place in range(count):
        np.multiply(factors, hashes[first + place], out=permuted)
        permuted += terms
        np.minimum(found, permuted, out=found)
    return found


@cache
def _permutations() -> tuple[Any, Any]:
    """Odd factors and terms (a column each, uint32): `factor * hash + term` is a permutation of 32 bits."""
    import numpy as np

    chance = random.Random(SIGNATURE_SEED)
    factors, terms = (
        np.array([[chance.getrandbits(32)] for _ in range(PERMUTATIONS)], "uint32") for _ in range(2)
    )
    return factors | np.uint32(1), terms


def _mixed(signatures: Any) -> Any:
    """A 64-bit hash for each text and band of signatures (bands x rows x texts)."""
    import numpy as np

    found = np.zeros((signatures.shape[0], signatures.shape[2]), "uint64")
    for row in range(signatures.shape[1]):
        found *= np.uint64(MIX)
        found += signatures[:, row]
    return found
