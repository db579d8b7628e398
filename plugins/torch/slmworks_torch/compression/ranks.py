"""Ranks of matrices: what each one keeps of its energy, and where parameters are worth most.

Energy is the sum of squared singular values; what a rank keeps of it is a share of the matrix's own. A rank
is a multiple of a number that the caller gives. Where a rank saves nothing, r (m + n) >= m n, the matrix
stays whole: it has no entry.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Ranks = Mapping[str, int]
"""Name of a matrix -> its rank; without those that stay whole."""


@dataclass(frozen=True)
class Matrix:
    """A matrix by its size and its squared singular values, the largest first."""

    name: str
    rows: int
    columns: int
    squares: Sequence[float]

    @property
    def whole(self) -> int:
        """Number of its entries."""
        return self.rows * self.columns

    def cost(self, rank: int) -> int:
        """Number of entries of two factors."""
        return rank * (self.rows + self.columns)

    def saves(self, rank: int) -> bool:
        """True where factors of the rank have fewer entries."""
        return self.cost(rank) < self.whole

    def kept(self, rank: int) -> float:
        """Share of the energy that a rank keeps."""
        return sum(self.squares[:rank]) / (sum(self.squares) or 1.0)


def by_energy(matrices: Sequence[Matrix], share: float, multiple: int) -> Ranks:
    """The smallest rank of each matrix that keeps this share of its energy."""
    found = {}
    for one in matrices:
        wanted = share * sum(one.squares)
        total, rank = 0.0, 0
        while rank < len(one.squares) and total < wanted:
            total += one.squares[rank]
            rank += 1
        found[one.name] = max(1, -(-rank // multiple)) * multiple
    return {one.name: found[one.name] for one in matrices if one.saves(found[one.name])}


def lowest(matrices: Sequence[Matrix], multiple: int) -> int:
    """Number of parameters with the lowest rank everywhere."""
    return sum(min(one.whole, one.cost(multiple)) for one in matrices)


def parameters(matrices: Sequence[Matrix], found: Ranks) -> int:
    """Number of parameters of matrices at these ranks."""
    return sum(one.cost(found[one.name]) if one.name in found else one.whole for one in matrices)


def even(matrices: Sequence[Matrix], most: int, multiple: int) -> Ranks:
    """As nearly as can be the same share of its parameters for each matrix, at most `most` in all."""
    share = most / sum(one.whole for one in matrices)
    small = [one for one in matrices if one.saves(multiple)]
    exact = {one.name: share * one.whole / (one.rows + one.columns) for one in small}
    found = {one.name: max(1, int(exact[one.name] / multiple)) * multiple for one in small}
    left = most - parameters(matrices, found)

    def above(one: Matrix) -> float:
        return found[one.name] - exact[one.name]

    while left < 0 and (lower := [one for one in small if found[one.name] > multiple]):
        one = max(lower, key=above)
        found[one.name] -= multiple
        left += one.cost(multiple)
    for one in sorted(small, key=above):
        if one.cost(multiple) <= left and one.saves(found[one.name] + multiple):
            found[one.name] += multiple
            left -= one.cost(multiple)
    return found


def greedy(
    matrices: Sequence[Matrix], most: int, multiple: int, weights: Mapping[str, float] | None = None
) -> Ranks:
    """From the lowest rank on, parameters where they keep most energy each, at most `most` in all.

    `weights`: what a share of energy is worth, by name; 1 where left out.
    """
    values = {one.name: (weights or {}).get(one.name, 1.0) for one in matrices}
    small = {one.name: multiple for one in matrices if one.saves(multiple)}
    energies = {one.name: sum(one.squares) or 1.0 for one in matrices if one.name in small}
    left = most - lowest(matrices, multiple)
    steps: list[tuple[float, int]] = []

    def offer(place: int) -> None:
        one = matrices[place]
        rank = small[one.name]
        cost = _next_cost(one, rank, multiple)
        beyond = one.squares[rank : rank + multiple] if one.saves(rank + multiple) else one.squares[rank:]
        gain = sum(beyond) / energies[one.name]
        heapq.heappush(steps, (-values[one.name] * gain / cost, place))

    for place, one in enumerate(matrices):
        if one.name in small:
            offer(place)
    while steps:
        _, place = heapq.heappop(steps)
        one = matrices[place]
        rank = small[one.name]
        cost = _next_cost(one, rank, multiple)
        if cost > left:
            continue
        left -= cost
        if one.saves(rank + multiple):
            small[one.name] = rank + multiple
            offer(place)
        else:
            del small[one.name]
    return small


def _next_cost(one: Matrix, rank: int, multiple: int) -> int:
    """Parameters of the next rank beyond this one's; the whole matrix where that saves nothing."""
    return min(one.whole, one.cost(rank + multiple)) - one.cost(rank)
