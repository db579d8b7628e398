"""Rows drawn by a seed, in the order they have."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def sampled(rows: Sequence[T], most: int | None, seed: int) -> list[T]:
    """At most `most` of the rows, all of them for None."""
    if most is None or most >= len(rows):
        return list(rows)
    return [rows[place] for place in sorted(random.Random(seed).sample(range(len(rows)), most))]
