"""Scores to ranks, and several rankings to one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

FUSION = 60
"""k of reciprocal rank fusion, as it was published."""
BLOCK = 64
"""Scores whose highest one is looked at first."""


def best(scores: "np.ndarray[Any, Any]", count: int) -> list[int]:
    """Places of the `count` highest scores, the highest first; of equal ones the first.

    So many blocks have their highest score at or above that of the last of them, so none below it is wanted.
    """
    import numpy as np

    places, blocks = np.arange(len(scores)), len(scores) // BLOCK
    if blocks > count:
        highest = scores[: blocks * BLOCK].reshape(blocks, BLOCK).max(axis=1)
        places = np.flatnonzero(scores >= np.partition(highest, blocks - count)[blocks - count])
    order = np.argsort(-scores[places], kind="stable")[:count]
    return [int(place) for place in places[order]]


def reciprocal_rank_fusion(rankings: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Rankings as one, with scores, the best first (Cormack, Clarke & Büttcher, 2009)."""
    found: dict[int, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            found[one] = found.get(one, 0.0) + 1 / (FUSION + rank)
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
