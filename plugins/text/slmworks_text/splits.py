"""Stratified splits that keep units (duplicates, documents) together, the same every time.

Iterative stratification in the manner of Sechidis, Tsoumakas and Vlahavas (2011): the next unit goes where
its labels are relatively most wanted.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from slmworks_text.rows import Row

Stratum = tuple[str, ...]


def assign(units: Sequence[Sequence[Row]], shares: Mapping[str, float], seed: int) -> None:
    """Set `pool` of every row to one of `shares` (split -> fraction), unit by unit.

    Strata are the labels, and the labels within a source. Large units go first, equals in an order drawn
    from `seed`.
    """
    contents = [Counter(stratum for row in unit for stratum in _strata(row)) for unit in units]
    total: Counter[Stratum] = Counter()
    for content in contents:
        total.update(content)
    want = {split: {key: share * total[key] for key in total} for split, share in shares.items()}
    filled: dict[str, Counter[Stratum]] = defaultdict(Counter)
    order = sorted(range(len(units)), key=lambda i: (-len(units[i]), _lot(units[i], seed)))
    for i in order:
        split = max(shares, key=lambda name: _appetite(contents[i], want[name], filled[name]))
        filled[split].update(contents[i])
        for row in units[i]:
            row.pool = split


def _appetite(content: Counter[Stratum], want: Mapping[Stratum, float], have: Counter[Stratum]) -> float:
    """How much of what a split still lacks a unit would bring, relative to what the split is to get."""
    return sum(count * (1 - have[key] / want[key]) for key, count in content.items())


def _strata(row: Row) -> tuple[Stratum, Stratum]:
    label = row.label or ""
    return (label,), (label, row.source)


def _lot(unit: Sequence[Row], seed: int) -> str:
    return hashlib.sha256(f"{seed}\0{min(row.id for row in unit)}".encode()).hexdigest()
