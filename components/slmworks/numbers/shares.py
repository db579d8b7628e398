"""Shares of rows: how two independent ones differ, and how many rows show that one is small enough."""

from bisect import bisect_left
from math import sqrt

from slmworks.numbers.statistics import MOST, Estimate, wilson


def difference(ours: tuple[int, int], theirs: tuple[int, int]) -> Estimate:
    """Our share minus theirs with a 95 % interval, each (rows that count, rows), of other rows.

    Hybrid score interval (Newcombe, "Interval estimation for the difference between independent
    proportions", 1998, method 10).
    """
    one, other = wilson(*ours), wilson(*theirs)
    value = one.value - other.value
    low = value - sqrt((one.value - one.low) ** 2 + (other.high - other.value) ** 2)
    high = value + sqrt((one.high - one.value) ** 2 + (other.value - other.low) ** 2)
    return Estimate(value, low, high)


def rows_needed(share: float, most: float) -> int | None:
    """Rows after which the 95 % interval of this share ends at `most` or below; None where none would do."""
    if share >= most:
        return None

    def enough(n: int) -> bool:
        return wilson(share * n, n).high <= most

    return 1 + bisect_left(range(1, MOST), True, key=enough)
