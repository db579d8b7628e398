"""Distribution of lengths. Memory grows with the number of different lengths only."""

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

BARS = 16
"""Most bars of a histogram, besides the one for very long texts."""


class Lengths:
    """Counts of lengths."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def update(self, lengths: Iterable[int]) -> None:
        """Count more."""
        self.counts.update(lengths)

    def summary(self) -> dict[str, float]:
        """Smallest, median, 95th percentile, largest and mean."""
        total = self.counts.total()
        return {
            "min": min(self.counts),
            "median": self.at(total // 2),
            "p95": self.quantile(95),
            "max": max(self.counts),
            "mean": round(sum(length * count for length, count in self.counts.items()) / total, 2),
        }

    def distribution(self, unit: str) -> dict[str, Any]:
        """Quantiles, and a histogram as pairs of upper end (included) and rows."""
        quantiles = {f"p{percent}": self.quantile(percent) for percent in (5, 50, 95)}
        return {
            "unit": unit,
            "quantiles": {**quantiles, "max": max(self.counts)},
            "histogram": self.histogram(),
        }

    def quantile(self, percent: int) -> int:
        """The length that `percent` % of the rows don't exceed."""
        total = self.counts.total()
        return self.at(min(total - 1, total * percent // 100))

    def at(self, rank: int) -> int:
        """The length at a rank, from 0, of all lengths in order."""
        ordered = sorted(self.counts)
        below = accumulate(self.counts[length] for length in ordered)
        return next(length for length, count in zip(ordered, below, strict=True) if count > rank)

    def histogram(self) -> list[list[int]]:
        """Bars of equal width up to the 95th percentile, then one up to the largest."""
        width, most = bar_width(self.quantile(95)), max(self.counts)
        last = -(-self.quantile(95) // width) * width
        bars: Counter[int] = Counter()
        for length, count in self.counts.items():
            bars[max(width, -(-length // width) * width) if length <= last else most] += count
        return [[upper, bars[upper]] for upper in sorted({*range(width, last + 1, width), *bars})]


def bar_width(longest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50, … that covers a length with `BARS` bars."""
    width = 1
    while True:
        for step in (1, 2, 5):
            if step * width * BARS >= longest:
                return step * width
        width *= 10
