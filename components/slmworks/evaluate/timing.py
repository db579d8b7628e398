"""From rounds of timings to numbers: quantiles, throughput, and ratios with bootstrap intervals.

Two models are measured in turns, on the same texts in the same round, so that a machine that slows down
slows both; rounds are what is resampled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Any

from slmworks.contract.runtime import Timing
from slmworks.evaluate.probe import Batches, Singles
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
    alone: list[list[Timing]] = field(default_factory=list)
    """Of a model that writes token by token: what each single row took, one list a round."""
    at_once: list[list[Timing]] = field(default_factory=list)
    """The same of rows that were asked for together."""

    def add_singles(self, found: Singles) -> None:
        """One round more of rows alone."""
        self.singles.append(found.ms)
        if found.timings:
            self.alone.append(found.timings)

    def add_batches(self, rows: int, found: Batches) -> None:
        """One round more of so many rows in batches."""
        self.batches.append((rows, found.seconds))
        if found.timings:
            self.at_once.append(found.timings)

    def numbers(self) -> dict[str, Any]:
        """Latency at batch 1 (p50, p95, ms) and rows/s at the batch size that was measured.

        Of a model that writes token by token also `tokens`, see there.
        """
        import numpy as np

        p50, p95 = np.percentile(self._all(), (50, 95))
        rows, seconds = np.array(self.batches).sum(axis=0)
        return {
            "p50_ms": round(float(p50), 4),
            "p95_ms": round(float(p95), 4),
            "rows_s": round(float(rows / seconds), 2),
            **({"tokens": self._tokens(float(seconds))} if any(self.alone) else {}),
        }

    def _tokens(self, seconds: float) -> dict[str, Any]:
        """Time to the first token (p50, ms) and tokens/s, alone and `at_once`, in batches of so many seconds.

        Alone, prompt and answer apart: an answer's first token comes with the prompt. At once, tokens of all
        answers by the clock.
        """
        alone, at_once = _joined(self.alone), _joined(self.at_once)
        found = {"first_token_ms": _first_ms(alone)}
        for name, part in PARTS.items():
            amount, taken = _sums(alone, part)
            if amount and taken > 0:
                found[f"{name}_tokens_s"] = round(amount / taken, 2)
        written = sum(one.tokens for one in at_once)
        together = {"first_token_ms": _first_ms(at_once), "tokens_s": round(written / seconds, 2)}
        return found | {"at_once": together}

    def by_part(self, name: str) -> "np.ndarray[Any, Any]":
        """Tokens and seconds of every round, `prompt` or `answer`, [rounds, 2]; alone."""
        import numpy as np

        return np.array([_sums(rows, PARTS[name]) for rows in self.alone], float)

    def _all(self) -> "np.ndarray[Any, Any]":
        import numpy as np

        return np.array(self.singles)


PARTS: dict[str, Callable[[Timing], tuple[int, float]]] = {
    "prompt": lambda one: (one.prompt_tokens, one.first_s),
    "answer": lambda one: (one.tokens - 1, one.seconds - one.first_s),
}
"""Part of an answer's time -> its tokens and seconds."""


def _joined(rounds: Sequence[Sequence[Timing]]) -> list[Timing]:
    return [one for some in rounds for one in some]


def _sums(rows: Sequence[Timing], part: Callable[[Timing], tuple[int, float]]) -> tuple[int, float]:
    found = [part(one) for one in rows]
    return sum(tokens for tokens, _ in found), sum(seconds for _, seconds in found)


def _first_ms(rows: Sequence[Timing]) -> float:
    return round(1000 * median(one.first_s for one in rows), 3)


def token_speedups(ours: Timings, theirs: Timings, *, seed: int) -> dict[str, Estimate]:
    """How many times more tokens/s we read of prompts, and write of answers; see `throughput_speedup`.

    Of models that both write token by token; a part that has no tokens in some round is left out.
    """
    found: dict[str, Estimate] = {}
    for name in PARTS:
        a, b = ours.by_part(name), theirs.by_part(name)
        if len(a) and len(a) == len(b) and (a > 0).all() and (b > 0).all():
            found[name] = _rate_ratio(a, b, seed)
    return found


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

    return _rate_ratio(np.array(ours.batches), np.array(theirs.batches), seed)


def _rate_ratio(a: "np.ndarray[Any, Any]", b: "np.ndarray[Any, Any]", seed: int) -> Estimate:
    """The first rate over the second; both [rounds, (amount, seconds)]."""
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
