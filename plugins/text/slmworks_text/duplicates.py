"""Near duplicates: MinHash bands propose pairs, exact Jaccard on word 3-grams decides.

Broder, "On the resemblance and containment of documents" (1997); banding as in Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. At 0.8 most texts with 5-20 % of their words changed are *not*
near duplicates: lower the threshold for those.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

PERMUTATIONS = 128
SIGNATURE_SEED = 42
MARGIN = 0.15
"""Proposes 99.8 % of the pairs at a threshold of 0.8 (six rows in each of 21 bands)."""
CHUNK = 10_000
CROWD = 400
"""A band's bucket with more texts than this is compared with its first text only, not pair by pair."""

MIX = 0x9E3779B97F4A7C15
"""An odd 64-bit multiplier (2^64 over the golden ratio)."""

WORD = re.compile(r"\w+")

PAIRS = f"""
WITH sized AS (
    SELECT band, hash, text,
           count(*) OVER (PARTITION BY band, hash) AS size,
           min(text) OVER (PARTITION BY band, hash) AS first
    FROM bands)
SELECT a.text AS a, b.text AS b FROM sized a JOIN sized b
    ON a.band = b.band AND a.hash = b.hash AND a.text < b.text WHERE a.size <= {CROWD}
UNION
SELECT first AS a, text AS b FROM sized WHERE size > {CROWD} AND first < text
ORDER BY a, b
"""  # noqa: S608  # a constant, not input


class Components:
    """Union-find over `0..n-1`; a component is named by its smallest member."""

    def __init__(self, size: int) -> None:
        self.parent = list(range(size))

    def find(self, item: int) -> int:
        """The smallest member of the item's component."""
        while self.parent[item] != item:
            self.parent[item] = self.parent[self.parent[item]]
            item = self.parent[item]
        return item

    def join(self, one: int, other: int) -> None:
        """Make one component of two."""
        a, b = sorted((self.find(one), self.find(other)))
        self.parent[b] = a


def near_pairs(
    texts: Sequence[str], threshold: float, *, threads: int, progress: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    """Pairs of positions whose word 3-gram sets have a Jaccard similarity of at least `threshold`.

    `texts` should be distinct. `progress` is told how many have their signature.
    """
    grams = [shingles(text) for text in texts]
    signatures = _signatures(grams, progress)
    for a, b in _candidates(signatures, rows_in_a_band(threshold), threads):
        if jaccard(grams[a], grams[b]) >= threshold:
            yield a, b


def shingles(text: str) -> frozenset[str]:
    """The set of word 3-grams; a text of one or two words is one gram."""
    words = WORD.findall(text.casefold())
    if len(words) < 3:
        return frozenset((" ".join(words) or text,))
    return frozenset(" ".join(words[i : i + 3]) for i in range(len(words) - 2))


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


def _signatures(grams: Sequence[Iterable[str]], progress: Callable[[int], None]) -> Any:
    """An array of `len(grams)` x 128 unsigned 32-bit numbers."""
    import numpy as np
    from rensa import RMinHash

    parts = []
    for start in range(0, len(grams), CHUNK):
        # Sorted: the digest must not depend on the order in which a set is walked.
        tokens = [sorted(gram) for gram in grams[start : start + CHUNK]]
        parts.append(
            np.array(RMinHash.digests_from_token_sets(tokens, PERMUTATIONS, SIGNATURE_SEED), dtype="uint32")
        )
        progress(min(start + CHUNK, len(grams)))
    return np.concatenate(parts)


def _candidates(signatures: Any, rows: int, threads: int) -> Iterator[tuple[int, int]]:
    import duckdb
    import numpy as np
    import pyarrow as pa

    size, bands = len(signatures), PERMUTATIONS // rows
    tables = []
    for band in range(bands):
        # A collision of this 64-bit hash proposes a pair too many, which the exact check refuses.
        mixed = np.zeros(size, dtype="uint64")
        for column in range(band * rows, (band + 1) * rows):
            mixed = mixed * np.uint64(MIX) + signatures[:, column]
        columns = {"band": np.full(size, band), "hash": mixed.view("int64"), "text": np.arange(size)}
        tables.append(pa.table({name: pa.array(value, pa.int64()) for name, value in columns.items()}))
    with duckdb.connect(config={"threads": threads}) as database:
        database.register("bands", pa.concat_tables(tables))
        result = database.execute(PAIRS)
        while chunk := result.fetchmany(50_000):
            yield from chunk
