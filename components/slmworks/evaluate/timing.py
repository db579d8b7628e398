"""From rounds of timings to numbers: quantiles, throughput, and ratios with bootstrap intervals.

Two models are measured in turns, on the same texts in the same round, so that a machine that slows down
slows both; rounds are what is resampled.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.numbers.statistics import Estimate

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1000


@dataclass
class Timings:
    """What was measured of one model, round by round."""

    singles: list[list[float]] = field(default_factory=list)
    """ms of every single text, one list a round."""
    batches: list[tuple[int, float]] = field(default_factory=list)
    """(rows, seconds) of every round."""

    def numbers(self) -> dict[str, float]:
        """Latency at batch 1 (p50, p95, ms) and rows/s at the batch size that was measured."""
        import numpy as np

        p50, p95 = np.percentile(self._all(), (50, 95))
        rows, seconds = np.array(self.batches).sum(axis=0)
        return {
            "p50_ms": round(float(p50), 4),
            "p95_ms": round(float(p95), 4),
            "rows_s": round(float(rows / seconds), 2),
        }

    def _all(self) -> "np.ndarray[Any, Any]":
        import numpy as np

        return np.array(self.singles)


def latency_speedup(ours: Timings, theirs: Timings, *, seed: int) -> Estimate:
    """How many times smaller our median latency is; 95 % percentile bootstrap over rounds."""
    import numpy as np

    a, b = np.array(ours.singles), np.array(theirs.singles)
    drawn = _drawn(len(a), seed)
    ratios = np.median(_pooled(b, drawn), axis=1) / np.median(_pooled(a, drawn), axis=1)
    return _estimate(float(np.median(b) / np.median(a)), ratios)


def throughput_speedup(ours: Timings, theirs: Timings, *, seed: int) -> Estimate:
    """How many times more rows/s we do; 95 % percentile bootstrap over rounds."""
    import numpy as np

    a, b = np.array(ours.batches), np.array(theirs.batches)
    drawn = _drawn(len(a), seed)
    per_row = [x[drawn, 1].sum(axis=1) / x[drawn, 0].sum(axis=1) for x in (a, b)]
    seen = (b[:, 1].sum() / b[:, 0].sum()) / (a[:, 1].sum() / a[:, 0].sum())
    return _estimate(float(seen), per_row[1] / per_row[0])


def _drawn(rounds: int, seed: int) -> "np.ndarray[Any, Any]":
    import numpy as np

    return np.random.default_rng(seed).integers(0, rounds, size=(RESAMPLES, rounds))


def _pooled(values: "np.ndarray[Any, Any]", drawn: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    pooled: np.ndarray[Any, Any] = values[drawn].reshape(len(drawn), -1)
    return pooled


def _estimate(value: float, ratios: "np.ndarray[Any, Any]") -> Estimate:
    import numpy as np

    low, high = np.quantile(ratios, (0.025, 0.975))
    return Estimate(value, float(low), float(high))
