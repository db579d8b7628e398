"""Clusters of duplicates: how many of which size, the largest, and what stands beside a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slmworks_text.ledger import Ledger

LARGEST = 3
"""So many of the largest clusters are shown, each with as many rows."""
SIZES = (2, 3, 4, 5, 10, 20, 50, 100)
"""Upper ends of the sizes that are counted together; larger ones are counted by the largest."""


@dataclass(frozen=True)
class Clusters:
    """Rows that a join found to be alike."""

    rows: int
    """Rows in clusters of several."""
    sizes: list[tuple[int, int]]
    """Upper end of a size, and clusters."""
    largest: list[tuple[int, list[int]]]
    """Rows of a cluster, and some of its members; the largest first."""

    @property
    def number(self) -> int:
        """Clusters of several rows."""
        return sum(clusters for _, clusters in self.sizes)


def clusters_of(names: Any) -> Clusters:
    """Look at all clusters once; `names` are those of `Components.names`, an entry a row."""
    import numpy as np

    joined = names[names != np.arange(len(names), dtype="uint32")]
    roots, others = np.unique(joined, return_counts=True)
    sizes = others + 1
    counted: dict[int, int] = {}
    for size, clusters in zip(*np.unique(sizes, return_counts=True), strict=True):
        upper = next((end for end in SIZES if size <= end), int(sizes.max()))
        counted[upper] = counted.get(upper, 0) + int(clusters)
    first = np.lexsort((roots, -sizes))[:LARGEST]
    return Clusters(
        rows=int(sizes.sum()),
        sizes=sorted(counted.items()),
        largest=[
            (int(sizes[i]), np.flatnonzero(names == roots[i])[:LARGEST].tolist()) for i in first.tolist()
        ],
    )


def beside(rows: Sequence[int], names: Any, ledger: Ledger) -> dict[int, tuple[int | None, int | None]]:
    """Dropped row -> the row of its cluster that stays, and the first one besides itself; None for none.

    Of several that stay, it is the first one of the first place. Nothing here is done row by row in Python:
    a cluster may be most of the data.
    """
    import numpy as np

    asked = np.zeros(len(names), bool)
    asked[names[rows]] = True
    members = np.flatnonzero(asked[names])
    kept = members[ledger.kept[members]]
    stays = _first_of_each(names, kept[np.argsort(ledger.place[kept], kind="stable")])
    second = _first_of_each(names, members[names[members] != members])
    found = {}
    for row, name in zip(rows, names[rows].tolist(), strict=True):
        found[row] = stays.get(name), name if name != row else second.get(name)
    return found


def _first_of_each(names: Any, members: Any) -> dict[int, int]:
    """Name -> the first of these members that has it."""
    import numpy as np

    found, first = np.unique(names[members], return_index=True)
    return dict(zip(found.tolist(), members[first].tolist(), strict=True))
