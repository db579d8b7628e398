"""Connected components of rows: duplicates, near duplicates, groups."""

from array import array
from typing import Any


class Components:
    """Union-find over `0..n-1`; a component is named by its smallest member. Memory: 4 bytes a member."""

    def __init__(self, size: int) -> None:
        import numpy as np

        self.parent = array("I")
        # no second copy: an array takes bytes
        self.parent.frombytes(np.arange(size, dtype="uint32").data.cast("B"))

    def find(self, item: int) -> int:
        """The smallest member of the item's component."""
        parent = self.parent
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    def apart(self, one: int, other: int) -> bool:
        """True where two members are in different components."""
        return self.find(one) != self.find(other)

    def join(self, one: int, other: int) -> None:
        """Make one component of two."""
        a, b = sorted((self.find(one), self.find(other)))
        self.parent[b] = a

    def names(self) -> Any:
        """An array with the name of every member's component."""
        import numpy as np

        found = np.array(self.parent, dtype="uint32")
        while (found != (up := found[found])).any():
            found = up
        return found
