"""Near duplicates whose texts are hashed and compared by workers; components are the driver's.

Workers elsewhere get texts and give hashes; those of this machine read and write the files. Pairs with a long
text are compared by the driver: of many that are alike, the first comparisons join most, and few are left.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress, pairwise
from pathlib import Path
from typing import Any

from slmworks.contract.workers import Workers
from slmworks_text.joins.components import Components
from slmworks_text.minhash import NearDuplicates, band_hashes, within
from slmworks_text.shingle_sets import Pair, ShingleSets
from slmworks_text.text_hashes import Buckets, read_buckets, write_buckets
from slmworks_text.workers import Processes

PAIRS = 10_000
"""Pairs that a worker compares at a time."""


def near_duplicates(threshold: float, folder: Path, workers: Workers | None) -> NearDuplicates:
    """Who finds near duplicates: this process, processes of this machine, or workers elsewhere."""
    if workers is None:
        return NearDuplicates(threshold, folder)
    if isinstance(workers, Processes):
        return SharedNearDuplicates(threshold, folder, workers)
    return SpreadNearDuplicates(threshold, folder, workers)


@dataclass(frozen=True)
class Compared:
    """Texts, and pairs of them by their position."""

    texts: Sequence[str]
    pairs: Sequence[Pair]


class SpreadNearDuplicates(NearDuplicates):
    """Finds near duplicates as `NearDuplicates` does, and the same ones."""

    def __init__(self, threshold: float, folder: Path, workers: Workers) -> None:
        super().__init__(threshold, folder)
        self.workers = workers

    def extend_all(self, texts: Iterable[Any]) -> None:
        """Add texts, an array after the other."""
        hashing = partial(band_hashes, rows=self.rows)
        for found in self.workers.map(hashing, (chunk.to_pylist() for chunk in self.stored(texts))):
            self.add(found)

    def join_blocks(self, blocks: Iterable[Sequence[Pair]], components: Components, numbers: Any) -> None:
        """Join short texts that are near, of pairs block by block."""
        given = deque[Sequence[Pair]]()

        def pieces() -> Iterator[Compared]:
            for block in blocks:
                for start in range(0, len(block), PAIRS):
                    given.append(block[start : start + PAIRS])
                    yield self._compared(given[-1])

        for near in self.workers.map(partial(are_near, threshold=self.threshold), pieces()):
            for a, b in compress(given.popleft(), near):
                components.join(numbers[a], numbers[b])

    def _compared(self, pairs: Sequence[Pair]) -> Compared:
        members, placed = within(pairs)
        return Compared([self.texts[number] for number in members], placed)


def are_near(given: Compared, threshold: float) -> list[bool]:
    """What workers make of pairs: whether each has a Jaccard similarity of `threshold` or more."""
    sets, found = ShingleSets(given.texts), list[bool]()
    for some in sets.chunks(given.pairs):
        found += (sets.similarities(some) >= threshold).tolist()
    return found


@dataclass(frozen=True)
class Stretch:
    """Texts beside each other in a file, and where the hashes of their bands go."""

    texts: Path
    bounds: Sequence[int]
    """Where each text begins in the file, and where the last one ends."""
    first: int
    """Number of the first."""
    bands: Sequence[Path]
    rows: int


class SharedNearDuplicates(SpreadNearDuplicates):
    """The same with workers of this machine: neither texts nor hashes are sent."""

    def extend_all(self, texts: Iterable[Any]) -> None:
        """Add texts, an array after the other."""
        for count in self.workers.map(hash_stretch, self._stretches(texts)):
            for band in self.bands:
                band.size += count

    def _stretches(self, texts: Iterable[Any]) -> Iterator[Stretch]:
        paths, known = [band.path for band in self.bands], 0
        for chunk in self.stored(texts):
            self.texts.flush()
            yield Stretch(self.texts.path, self.texts.ends[known:], known, paths, self.rows)
            known += len(chunk)

    def buckets(self) -> Iterator[Iterable[Buckets]]:
        """The texts that share a hash, band by band."""
        entries = (band.entries() for band in self.bands)
        return map(read_buckets, self.workers.map(write_buckets, entries))


def hash_stretch(given: Stretch) -> int:
    """Write the hashes of texts into the files of their bands; returns how many texts there were."""
    begin, end = given.bounds[0], given.bounds[-1]
    with given.texts.open("rb") as file:
        content = os.pread(file.fileno(), end - begin, begin)
    texts = [content[one - begin : other - begin].decode() for one, other in pairwise(given.bounds)]
    for path, hashes in zip(given.bands, band_hashes(texts, given.rows), strict=True):
        with path.open("r+b") as file:
            os.pwrite(file.fileno(), hashes.tobytes(), given.first * hashes.itemsize)
    return len(texts)
