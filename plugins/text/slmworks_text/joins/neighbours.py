"""Vectors whose cosine is at least a threshold, joined into components.

Up to `EXACT` vectors all are compared with all, a block of the product at a time: n² · width / 2
multiplications, and memory for one block. More are first put into clusters by spherical k-means, each into
the `NEAREST` of them, and compared within a cluster, as in SemDeDup (Abbas et al., 2023): n · width times
the vectors of a cluster, and times the number of clusters; a pair at a border may be missed. Clusters of one
centre are one, or rounding would spread equal vectors over them. Clusters grow from the first vectors: their
order decides, and no chance.
"""

from collections.abc import Callable, Iterator
from typing import Any

from slmworks_text.joins.components import Components

EXACT = 100_000
BLOCK = 1_024
IN_CLUSTER = 2_000
"""Vectors in a cluster, on average."""
NEAREST = 2
ROUNDS = 5
"""Rounds of k-means."""
SEEN = 64
"""Vectors a cluster that k-means looks at."""
DIGITS = 4
"""Decimals to which a cosine is rounded before it is compared with the threshold."""

Progress = Callable[[int, int], None]
"""Takes what is done, of how many."""


def join_alike(
    vectors: Any, threshold: float, components: Components, numbers: Any, progress: Progress
) -> None:
    """Join vectors of a cosine of `threshold` or more; vector i is the component's member `numbers[i]`.

    `vectors`: float32 [n, width], each of length 1.
    """
    for one, other, total, done in _blocks(vectors):
        _join_block(vectors, one, other, threshold, components, numbers)
        progress(done, total)


def cosine(one: Any, other: Any) -> Any:
    """Cosines of vectors of length 1, rounded: [n, width] x [m, width] -> [n, m]."""
    import numpy as np

    return np.round(one @ other.T, DIGITS)


def _blocks(vectors: Any) -> Iterator[tuple[Any, Any, int, int]]:
    """Pairs of blocks to compare (their positions), how many comparisons there are, and how many are done."""
    import numpy as np

    size = len(vectors)
    if size <= EXACT:
        groups = [np.arange(size)] if size else []
        total = size * size
    else:
        groups = clusters(vectors)
        total = sum(len(group) ** 2 for group in groups)
    done = 0
    for group in groups:
        starts = range(0, len(group), BLOCK)
        for start in starts:
            for other in range(start, len(group), BLOCK):
                one, two = group[start : start + BLOCK], group[other : other + BLOCK]
                done += len(one) * len(two) * (1 if start == other else 2)
                yield one, two, total, done


def _join_block(
    vectors: Any, one: Any, other: Any, threshold: float, components: Components, numbers: Any
) -> None:
    """Join the pairs of two blocks; of many alike ones no more than there are vectors are looked up."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    near = cosine(vectors[one], vectors[other]) >= threshold
    rows, columns = np.nonzero(near)
    rows, columns = one[rows], other[columns]
    rows, columns = rows[rows != columns], columns[rows != columns]
    if not len(rows):
        return
    members, place = np.unique(np.concatenate([rows, columns]), return_inverse=True)
    half = len(rows)
    edges = coo_array((np.ones(half, bool), (place[:half], place[half:])), shape=(len(members),) * 2)
    label = connected_components(edges, directed=False)[1]
    first = members[np.unique(label, return_index=True)[1]][label]
    for member, head in zip(numbers[members].tolist(), numbers[first].tolist(), strict=True):
        if member != head:
            components.join(member, head)


def clusters(vectors: Any) -> list[Any]:
    """Positions of the vectors of each cluster, ascending; a vector is in several, if there are."""
    import numpy as np

    centres = _centres(vectors, 1 + len(vectors) // IN_CLUSTER)
    count = min(NEAREST, len(centres))
    nearest = np.empty((len(vectors), count), "uint32")
    for start in range(0, len(vectors), BLOCK):
        likeness = vectors[start : start + BLOCK] @ centres.T
        nearest[start : start + BLOCK] = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    order = np.argsort(nearest.ravel(), kind="stable")
    edges = np.searchsorted(nearest.ravel()[order], np.arange(1, len(centres)))
    return np.split(order // count, edges)


def _centres(vectors: Any, count: int) -> Any:
    """Spherical k-means of a part of the vectors (Dhillon and Modha, 2001); of equal centres the first."""
    import numpy as np

    part = np.array(vectors[: count * SEEN])
    centres = part[:count].copy()
    for _round in range(ROUNDS):
        total = np.zeros_like(centres)
        for start in range(0, len(part), BLOCK):
            block = part[start : start + BLOCK]
            np.add.at(total, (block @ centres.T).argmax(axis=1), block)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        centres = np.where(length > 0, total / np.maximum(length, 1e-12), centres)
    equal = cosine(centres, centres) >= 1
    kept: list[int] = []
    for place in range(count):
        if not equal[place, kept].any():
            kept.append(place)
    return centres[kept].astype("float32")
