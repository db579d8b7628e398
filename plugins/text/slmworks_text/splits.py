"""Stratified splits that keep units (duplicates, documents) together, the same every time.

Iterative stratification in the manner of Sechidis, Tsoumakas and Vlahavas (2011): the next unit goes where
its labels are relatively most wanted.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES
from slmworks_text.rows_on_disk import Shelf

Stratum = tuple[str, ...]

PIECE = 65_536


def assign(
    ledger: Ledger, alone: Any, together: Sequence[list[int]], lots: Any, shares: Mapping[str, float]
) -> None:
    """Set `place` of every row of the pool to one of `shares` (split -> fraction), unit by unit.

    Strata are the labels, and the labels within a source. Large units go first, equals in the order of
    `lots` (a number a row).
    """
    choice = Choice(shares, _totals(ledger, alone, together), list(ledger.strata))
    for unit in sorted(together, key=lambda unit: (-len(unit), int(lots[min(unit)]))):
        ledger.place[unit] = choice.of(ledger.stratum[unit].tolist())
    for rows in _in_order(alone, lots):
        ledger.place[rows] = [choice.of((number,)) for number in ledger.stratum[rows].tolist()]


def draw(shelf: Shelf, seed: int) -> Any:
    """A number drawn for every row from its id and the seed (uint64)."""
    import numpy as np

    lots, done, start = np.empty(shelf.size, "uint64"), 0, f"{seed}\0"
    for batch in shelf.batches("id"):
        drawn = (hashlib.sha256((start + id_).encode()).digest()[:8] for id_ in batch.column(0).to_pylist())
        lots[done : (done := done + len(batch))] = np.frombuffer(b"".join(drawn), ">u8")
    return lots


class Choice:
    """Which split the next unit goes to."""

    def __init__(
        self, shares: Mapping[str, float], total: Mapping[Stratum, int], pairs: Sequence[Stratum]
    ) -> None:
        self.pairs = pairs
        self.splits = [
            (PLACES.index(split), {key: share * total[key] for key in total}, Counter[Stratum]())
            for split, share in shares.items()
        ]

    def of(self, unit: Sequence[int]) -> int:
        """The place of a unit whose rows have these strata."""
        content: dict[Stratum, int] = {}
        for number in unit:
            pair = self.pairs[number]
            content[pair[:1]] = content.get(pair[:1], 0) + 1
            content[pair] = content.get(pair, 0) + 1
        place, _, filled = max(self.splits, key=lambda split: _appetite(content, *split[1:]))
        for key, count in content.items():
            filled[key] += count
        return place


def _appetite(
    content: Mapping[Stratum, int], want: Mapping[Stratum, float], have: Mapping[Stratum, int]
) -> float:
    """How much of what a split still lacks a unit would bring, relative to what the split is to get."""
    return sum(count * (1 - have[key] / want[key]) for key, count in content.items())


def _totals(ledger: Ledger, alone: Any, together: Sequence[list[int]]) -> dict[Stratum, int]:
    import numpy as np

    found = np.bincount(ledger.stratum[alone], minlength=len(ledger.strata))
    for unit in together:
        np.add.at(found, ledger.stratum[unit], 1)
    total: Counter[Stratum] = Counter()
    for pair, count in zip(ledger.strata, found.tolist(), strict=True):
        if count:
            total[pair[:1]] += count
            total[pair] += count
    return total


def _in_order(alone: Any, lots: Any) -> Iterator[Any]:
    import numpy as np

    order = np.argsort(lots[alone], kind="stable")
    for start in range(0, len(order), PIECE):
        yield alone[order[start : start + PIECE]]
