"""Stratified splits that keep units (duplicates, documents) together, the same every time.

Iterative stratification in the manner of Sechidis, Tsoumakas and Vlahavas (2011): the next unit goes to the
split that relatively lacks its rows most.
"""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from slmworks_text.joins.components import Components
from slmworks_text.ledger import Ledger
from slmworks_text.rows import PLACES
from slmworks_text.rows_on_disk import StoredRows
from slmworks_text.schema import Stratum

Group = tuple[str, ...]
"""Rows that splits are balanced by; see `Stratum.groups`."""

PIECE = 65_536


def assign(
    ledger: Ledger, single: Any, units: Sequence[list[int]], draws: Any, shares: Mapping[str, float]
) -> None:
    """Set `place` of every row of the pool to one of `shares` (split -> fraction), unit by unit.

    `single` are rows that are a unit each. Large units go first, equals in the order of `draws` (a number a
    row).
    """
    choice = Choice(shares, _totals(ledger, single, units), ledger.strata)
    for unit in sorted(units, key=lambda unit: (-len(unit), int(draws[min(unit)]))):
        ledger.place[unit] = choice.of(ledger.stratum[unit].tolist())
    for rows in _in_order(single, draws):
        ledger.place[rows] = choice.of_singles(ledger.stratum[rows])


def units_of(ledger: Ledger, components: Components) -> tuple[Any, list[list[int]]]:
    """The pool as rows that are a unit each (an array), and units of several rows.

    Near duplicates, the rows of one group and those of one template are one unit, across all three.
    """
    import numpy as np

    pool = ledger.pool
    part = components.names()[pool]
    unit = part
    for kind in (ledger.group, ledger.template):
        if kind is not None:
            join_groups(kind[pool], part, components)
            unit = components.names()[pool]
    several = _several(pool, unit, len(ledger.kept))
    together = np.flatnonzero(several)
    order = together[np.lexsort((pool[together], part[together], unit[together]))]
    edges = np.flatnonzero(np.diff(unit[order])) + 1
    return pool[~several], [rows.tolist() for rows in np.split(pool[order], edges) if len(rows)]


def draw(rows: StoredRows, seed: int) -> Any:
    """A number for every row, from its id and the seed (uint64)."""
    import numpy as np

    draws, done, sha256 = np.empty(rows.size, "uint64"), 0, hashlib.sha256
    start = f"{seed}\0".encode()
    for batch in rows.batches("id"):
        ids = batch.column(0).cast("binary").to_pylist()
        drawn = b"".join([sha256(start + id_).digest() for id_ in ids])
        draws[done : (done := done + len(batch))] = np.frombuffer(drawn, ">u8")[::4]
    return draws


class Choice:
    """Chooses the split of the next unit: the first one with the largest gain.

    The gain counts the unit's rows, each weighted by the share of its group that the split still lacks.
    """

    def __init__(
        self, shares: Mapping[str, float], total: Mapping[Group, int], strata: Sequence[Stratum]
    ) -> None:
        number = {group: i for i, group in enumerate(total)}
        self.groups = [tuple(number[group] for group in one.groups if group in number) for one in strata]
        self.splits = [_Split(PLACES.index(split), share, total.values()) for split, share in shares.items()]
        uses = Counter(group for groups in self.groups for group in groups)
        self.shared = {group for group, count in uses.items() if count > 1}
        """Groups of several strata: what a row of one takes, those of the others lack."""

    def of(self, unit: Sequence[int]) -> int:
        """The place of a unit whose rows have these strata."""
        content: dict[int, int] = {}
        for number in unit:
            for group in self.groups[number]:
                content[group] = content.get(group, 0) + 1
        gains = [sum([count * one.lack[group] for group, count in content.items()]) for one in self.splits]
        return self.splits[gains.index(max(gains))].fill(content.items())

    def of_singles(self, numbers: Any) -> Any:
        """The places of rows that are a unit each, in their order, given their strata (uint8, uint32)."""
        import numpy as np

        places, together = np.empty(len(numbers), "uint8"), []
        order = np.argsort(numbers, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            if len(rows) and self.shared.isdisjoint(groups := self.groups[numbers[rows[0]]]):
                places[rows] = self._of_alike(groups, len(rows))
            else:
                together.append(rows)
        for row in sorted(itertools.chain.from_iterable(rows.tolist() for rows in together)):
            places[row] = self._of_one(self.groups[numbers[row]])
        return places

    def _of_one(self, groups: Sequence[int]) -> int:
        """The place of one row of these groups."""
        gains = [sum([one.lack[group] for group in groups]) for one in self.splits]
        return self.splits[gains.index(max(gains))].fill([(group, 1) for group in groups])

    def _of_alike(self, groups: Sequence[int], count: int) -> Any:
        """The places of `count` rows of these groups, in which no other row is.

        What a split gains falls with each row that it takes, so rows go to splits in the order of all gains,
        and to the first split where they are equal.
        """
        import numpy as np

        taken = np.arange(count)
        gains = [
            sum((1 - (one.have[group] + taken) / one.want[group] for group in groups), np.zeros(count))
            for one in self.splits
        ]
        chosen = np.argsort(-np.concatenate(gains), kind="stable")[:count] // count
        for one, more in zip(self.splits, np.bincount(chosen, minlength=len(gains)).tolist(), strict=True):
            one.fill([(group, more) for group in groups])
        return np.array([one.place for one in self.splits], "uint8")[chosen]


class _Split:
    """How full a split is, by group."""

    def __init__(self, place: int, share: float, totals: Iterable[int]) -> None:
        self.place = place
        self.want = [share * total for total in totals]
        self.have = [0] * len(self.want)
        self.lack = [1.0] * len(self.want)
        """Share of its rows of a group that are still to come."""

    def fill(self, content: Iterable[tuple[int, int]]) -> int:
        """Take so many rows of each group; returns the place."""
        for group, count in content:
            self.have[group] += count
            self.lack[group] = 1 - self.have[group] / self.want[group]
        return self.place


def _totals(ledger: Ledger, single: Any, units: Sequence[list[int]]) -> dict[Group, int]:
    import numpy as np

    found = np.bincount(ledger.stratum[single], minlength=len(ledger.strata))
    for unit in units:
        np.add.at(found, ledger.stratum[unit], 1)
    total: Counter[Group] = Counter()
    for stratum, count in zip(ledger.strata, found.tolist(), strict=True):
        if count:
            for group in stratum.groups:
                total[group] += count
    return total


def _in_order(single: Any, draws: Any) -> Iterator[Any]:
    import numpy as np

    order = np.argsort(draws[single], kind="stable")
    for start in range(0, len(order), PIECE):
        yield single[order[start : start + PIECE]]


def _several(pool: Any, unit: Any, size: int) -> Any:
    """True for each row of the pool whose unit has another row there."""
    import numpy as np

    last, again = np.empty(size, "uint32"), np.zeros(size, bool)
    last[unit] = pool  # of several rows that of the last one stays
    again[unit[last[unit] != pool]] = True
    return again[unit]


def join_groups(group: Any, part: Any, components: Components) -> None:
    """Join the components `part` of rows with the same number in `group`; 0 is none."""
    import numpy as np

    order = np.argsort(group, kind="stable")
    group, part = group[order], part[order]
    linked = np.flatnonzero((group[1:] == group[:-1]) & (group[1:] != 0) & (part[1:] != part[:-1]))
    for one, other in zip(part[linked].tolist(), part[linked + 1].tolist(), strict=True):
        components.join(one, other)
