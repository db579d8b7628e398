"""Which paths a glob means: component by component, so that `*` does not cross a slash and `**` does.

Every path is walked once with the set of places that the pattern can be at, however many `**` there are.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

MANY = "**"
"""Any number of folders, also none."""


class Pattern:
    """A glob over the parts of a path, written with slashes."""

    def __init__(self, text: str) -> None:
        self.parts = text.split("/")
        self.start = self._with_skips({0})
        """Places before any part was read; the place after the last part means a match."""

    def matches(self, path: str) -> bool:
        """Whether the pattern means this path."""
        places = self.start
        for part in path.split("/"):
            places = self.after(places, part)
        return self.complete(places)

    def after(self, places: Iterable[int], part: str, *, into_link: bool = False) -> frozenset[int]:
        """The places after one more part; none: nothing below can match. `**` enters no linked folder."""
        found = set()
        for place in places:
            if place == len(self.parts):
                continue
            if self.parts[place] != MANY:
                found |= {place + 1} if fnmatchcase(part, self.parts[place]) else set()
            elif not into_link:
                found.add(place)
        return self._with_skips(found)

    def complete(self, places: Iterable[int]) -> bool:
        """Whether a path that ends at one of these places is meant."""
        return len(self.parts) in places

    def _with_skips(self, places: set[int]) -> frozenset[int]:
        found = set(places)
        for place in places:
            while place < len(self.parts) and self.parts[place] == MANY:
                place += 1  # noqa: PLW2901 - walks on
                found.add(place)
        return frozenset(found)
