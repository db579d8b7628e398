"""Clusters of duplicates: how many of which size, and the largest."""

from dataclasses import dataclass
from typing import Any

from slmworks_text.joins.components import Components

LARGEST = 3
"""So many of the largest clusters are shown, each with as many rows."""
SIZES = (2, 3, 4, 5, 10, 20, 50, 100)
"""Upper ends of the sizes that are counted together; larger ones are counted by the largest."""


@dataclass(frozen=True)
class Clusters:
    """Rows that a join found to be alike."""

    names: Any
    """The smallest member of each row's cluster (uint32); None where they aren't needed any more."""
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

    def members(self, of: list[int]) -> dict[int, Any]:
        """Name -> all members (int64, ascending), of the clusters that these rows are in."""
        import numpy as np

        found = np.flatnonzero(np.isin(self.names, np.unique(self.names[of])))
        order = np.argsort(self.names[found], kind="stable")
        names, starts = np.unique(self.names[found][order], return_index=True)
        return dict(zip(names.tolist(), np.split(found[order], starts[1:]), strict=True))


def clusters_of(components: Components) -> Clusters:
    """Look at all clusters once. Memory: 4 bytes a row, and some more a row that has others like it."""
    import numpy as np

    names = components.names()
    joined = names[names != np.arange(len(names), dtype="uint32")]
    roots, others = np.unique(joined, return_counts=True)
    sizes = others + 1
    counted: dict[int, int] = {}
    for size, clusters in zip(*np.unique(sizes, return_counts=True), strict=True):
        upper = next((end for end in SIZES if size <= end), int(sizes.max()))
        counted[upper] = counted.get(upper, 0) + int(clusters)
    first = np.lexsort((roots, -sizes))[:LARGEST]
    return Clusters(
        names=names,
        rows=int(sizes.sum()),
        sizes=sorted(counted.items()),
        largest=[
            (int(sizes[i]), np.flatnonzero(names == roots[i])[:LARGEST].tolist()) for i in first.tolist()
        ],
    )
