"""Near duplicates whose texts are hashed and compared by workers; buckets and components are the driver's."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from slmworks.contract.workers import Workers
from slmworks_text.joins.components import Components
from slmworks_text.minhash import CHUNK, NearDuplicates, band_hashes, jaccard
from slmworks_text.shingles import shingles

PAIRS = 10_000
"""Pairs that a worker compares at a time."""


@dataclass(frozen=True)
class Compared:
    """Texts, and pairs of them by their position."""

    texts: Sequence[str]
    pairs: Sequence[tuple[int, int]]


class SpreadNearDuplicates(NearDuplicates):
    """Finds near duplicates as `NearDuplicates` does, and the same ones."""

    def __init__(self, threshold: float, folder: Path, workers: Workers) -> None:
        super().__init__(threshold, folder)
        self.workers = workers

    def extend_by_workers(self, texts: Iterable[Sequence[str]]) -> None:
        """Add texts, some at a time; they are numbered from 0 in the order in which they come."""

        def kept() -> Iterator[Sequence[str]]:
            for some in texts:
                for start in range(0, len(some), CHUNK):
                    chunk = some[start : start + CHUNK]
                    self.texts.extend(chunk)
                    yield chunk

        for found in self.workers.map(partial(band_hashes, rows=self.rows), kept()):
            self.add(found)

    def join(self, components: Components, numbers: Any, progress: Callable[[int, int], None]) -> None:
        """Join texts that are near; text i is the component's member `numbers[i]`.

        Pairs that are joined already are not compared: that couldn't change a component.
        """
        for proposed in self.proposed(progress):
            pairs = [(a, b) for a, b in proposed if components.apart(numbers[a], numbers[b])]
            parts = [pairs[start : start + PAIRS] for start in range(0, len(pairs), PAIRS)]
            near = partial(alike, threshold=self.threshold)
            for part, found in zip(parts, self.workers.map(near, map(self._compared, parts)), strict=True):
                for i in found:
                    a, b = part[i]
                    components.join(numbers[a], numbers[b])

    def _compared(self, pairs: Sequence[tuple[int, int]]) -> Compared:
        wanted = sorted({number for pair in pairs for number in pair})
        place = {number: i for i, number in enumerate(wanted)}
        return Compared([self.texts[number] for number in wanted], [(place[a], place[b]) for a, b in pairs])


def alike(given: Compared, threshold: float) -> list[int]:
    """What workers make of pairs: the positions of those with a Jaccard similarity of `threshold` or more."""
    grams = [shingles(text) for text in given.texts]
    return [i for i, (a, b) in enumerate(given.pairs) if jaccard(grams[a], grams[b]) >= threshold]
