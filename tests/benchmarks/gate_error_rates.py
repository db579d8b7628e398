"""How often the gate errs: models that are truly too bad pass, models without a bad slice are refused.

    python tests/benchmarks/gate_error_rates.py [--quick]

Answers are drawn row by row from a known truth (models that agree on most rows, as a student and its
teacher do), right or wrong or with a score from 0 to 1, and the gate's own checks decide. The plain percentile
bootstrap stands beside, as the peer. A rate that lies above the stated one by more than three standard errors of the simulation ends with exit 1.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import sqrt

import numpy as np

from slmworks.contract.model_task import share
from slmworks.gate.checks import check_champion, check_retention
from slmworks.gate.slices import Slice, check_slices
from slmworks.numbers import statistics
from slmworks.numbers.paired import Paired

CONFIDENCE = 0.95
MEASURE = share("score", "score", lambda row, answer: (float(answer["score"]), 1.0))
OURS = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
THEIRS = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 1.0]])
"""What a row adds that is answered right by both models, only by ours, only by theirs, by none."""


def table(both: int, gained: int, lost: int, neither: int) -> Paired:
    """Right and wrong answers of two models, from the number of rows of each kind."""
    rows = np.array([both, gained, lost, neither])
    return Paired(OURS[rows > 0], THEIRS[rows > 0], rows[rows > 0], MEASURE)


@dataclass(frozen=True)
class Truth:
    """The shares of rows that are answered right by both models, only ours, only theirs, none."""

    both: float
    gained: float
    lost: float
    neither: float

    @classmethod
    def of(cls, theirs: float, drop: float, differ: float) -> "Truth":
        """Their accuracy, by how much ours is lower, and on how many rows just one of the two is right."""
        lost = (max(differ, drop) + drop) / 2
        return cls(theirs - lost, lost - drop, lost, 1 - theirs - lost + drop)

    def draw(self, n: int, trials: int, seed: int) -> np.ndarray:
        """Counts [trials, 4] in the order of the fields."""
        shares = [self.both, self.gained, self.lost, self.neither]
        return np.random.default_rng(seed).multinomial(n, shares, size=trials)


@dataclass(frozen=True)
class Scores:
    """Scores from 0 to 1 of a teacher, and of a student whose true mean is `kept` of the teacher's."""

    kept: float
    alike: bool
    """The student has the teacher's score in most rows; else every row's scores are independent."""
    mean: float = 0.75
    """The teacher's true mean."""
    higher: float = 0.1
    """Share of rows that a student who is alike answers better."""

    def draw(self, n: int, trials: int, seed: int) -> Iterator[Paired]:
        """The rows of each trial."""
        chance = np.random.default_rng(seed)
        for _ in range(trials):
            theirs = self._beta(chance, self.mean, n)
            ours = (
                self._changed(chance, theirs) if self.alike else self._beta(chance, self.kept * self.mean, n)
            )
            one = np.ones(n)
            yield Paired.pair(np.stack([ours, one], 1), np.stack([theirs, one], 1), MEASURE)

    @staticmethod
    def _beta(chance: np.random.Generator, mean: float, n: int) -> np.ndarray:
        return chance.beta(8 * mean, 8 * (1 - mean), n)

    def _changed(self, chance: np.random.Generator, theirs: np.ndarray) -> np.ndarray:
        """A part of the rows falls by a uniform share of its score, another rises by one of what it lacks."""
        lower = 2 * (1 - self.kept) + self.higher * (1 - self.mean) / self.mean
        kind, by = chance.random(len(theirs)), chance.random(len(theirs))
        falls, rises = kind < lower, kind > 1 - self.higher
        return np.where(falls, theirs * by, np.where(rises, 1 - (1 - theirs) * by, theirs))


def error_rate(trials: np.ndarray, decide: Callable[[Paired], bool]) -> float:
    """Share of trials in which `decide` says yes; trials with the same counts are decided once."""
    found, times = np.unique(trials, axis=0, return_counts=True)
    said = [decide(table(*one)) for one in found]
    return float(times[said].sum() / len(trials))


def settled(drawn: statistics.Bounded) -> statistics.Bounded:
    """Decided on the bound as drawn: over many trials the simulation errors of near ones cancel out."""
    return replace(drawn, surely=drawn.bound)


def passes_retention(required: float, resamples: int) -> Callable[[Paired], bool]:
    """The gate's check of what is kept of the teacher."""

    def decide(pairs: Paired) -> bool:
        kept = settled(statistics.retention(pairs, resamples=resamples, confidence=CONFIDENCE))
        return check_retention(pairs, kept, required, confidence=CONFIDENCE, measure=MEASURE).passed

    return decide


def passes_champion(allowed: float, resamples: int) -> Callable[[Paired], bool]:
    """The gate's check against the champion."""

    def decide(pairs: Paired) -> bool:
        change = settled(statistics.difference(pairs, resamples=resamples, confidence=CONFIDENCE))
        return check_champion(pairs, change, allowed, confidence=CONFIDENCE, measure=MEASURE).passed

    return decide


def passes_percentiles(required: float, resamples: int) -> Callable[[Paired], bool]:
    """The peer: percentile bootstrap of the retention (Efron & Tibshirani, 1993)."""

    def decide(pairs: Paired) -> bool:
        drawn = np.random.default_rng(0).multinomial(pairs.n, pairs.rows / pairs.n, size=resamples)
        ratios = (drawn @ pairs.ours[:, 0]) / np.maximum(drawn @ pairs.theirs[:, 0], 1)
        return bool(np.quantile(ratios, 1 - CONFIDENCE) >= required)

    return decide


def refused_for_a_slice(
    truth: Truth, sizes: list[int], allowed: float, trials: int, resamples: int, seed: int = 0
) -> float:
    """Share of trials in which any of several slices, each as bad as is allowed, makes the gate refuse."""
    drawn = [truth.draw(n, trials, seed + i) for i, n in enumerate(sizes)]
    refused = 0
    for counts in zip(*drawn, strict=True):
        found = [Slice("label", str(i), "teacher", table(*one)) for i, one in enumerate(counts)]
        check = check_slices(
            found, allowed, measure=MEASURE, confidence=CONFIDENCE, resamples=resamples, seed=0
        )
        refused += not check.passed
    return refused / trials


def main() -> None:
    """Simulate and print."""
    asked = argparse.ArgumentParser(description="Error rates of the gate in simulation.")
    asked.add_argument("--quick", action="store_true", help="fewer trials and cases")
    quick = asked.parse_args().quick
    trials, resamples = (1000, 1000) if quick else (10_000, 2000)
    sizes = (100, 1000) if quick else (100, 300, 1000, 3000)
    print(f"{trials:,} trials a line, {resamples:,} resamples each, stated rate {1 - CONFIDENCE:.0%}\n")
    rates = [*retentions(sizes, trials, resamples), *champions(sizes, trials, resamples)]
    rates += scored(sizes[:2], trials // 5, resamples)
    rates += slice_guards(trials // 5, resamples, quick=quick)
    limit = [1 - CONFIDENCE + 3 * sqrt(CONFIDENCE * (1 - CONFIDENCE) / n) for _, n in rates]
    above = sum(rate > most for (rate, _), most in zip(rates, limit, strict=True))
    print(
        f"\nhighest rate {max(rate for rate, _ in rates):.2%}; above the stated rate: {above} of {len(rates)}"
    )
    sys.exit(1 if above else 0)


def retentions(sizes: tuple[int, ...], trials: int, resamples: int) -> Iterator[tuple[float, int]]:
    """Students whose true retention is just at the limit, and half a point below."""
    print("passes although it keeps too little")
    print(f"{'required':>9}{'true':>8}{'teacher':>9}{'differ':>8}{'n':>7}{'passes':>9}{'percentile':>12}")
    for theirs, required, differ, below in product((0.8, 0.95), (0.95, 0.98), (0.05, 0.1), (0.0, 0.005)):
        truth = Truth.of(theirs, theirs * (1 - required + below), differ)
        for n in sizes:
            drawn = truth.draw(n, trials, seed=n)
            rate = error_rate(drawn, passes_retention(required, resamples))
            peer = error_rate(drawn, passes_percentiles(required, resamples))
            true = required - below
            print(
                f"{required:>9.1%}{true:>8.1%}{theirs:>9.2f}{differ:>8.0%}{n:>7,}{rate:>9.2%}{peer:>12.2%}",
                flush=True,
            )
            yield rate, trials


def champions(sizes: tuple[int, ...], trials: int, resamples: int) -> Iterator[tuple[float, int]]:
    """Models that are worse than the champion by exactly what is allowed."""
    print("\npasses although it is worse than the champion")
    print(f"{'allowed':>9}{'champion':>10}{'differ':>8}{'n':>7}{'passes':>9}")
    for theirs, allowed, differ in product((0.8, 0.95), (0.01, 0.02), (0.05, 0.1)):
        for n in sizes:
            drawn = Truth.of(theirs, allowed, differ).draw(n, trials, seed=n)
            rate = error_rate(drawn, passes_champion(allowed, resamples))
            print(f"{allowed:>9.1%}{theirs:>10.2f}{differ:>8.0%}{n:>7,}{rate:>9.2%}", flush=True)
            yield rate, trials


def scored(sizes: tuple[int, ...], trials: int, resamples: int) -> Iterator[tuple[float, int]]:
    """Students with a mean score just at the limit, of what is kept and of what may be lost."""
    print(f"\npasses although its mean score is too low ({trials:,} trials)")
    print(f"{'required':>9}{'scores':>13}{'n':>7}{'kept':>9}{'champion':>10}{'percentile':>12}")
    for required, alike in product((0.95, 0.98), (True, False)):
        truth = Scores(required, alike)
        deciders = (
            passes_retention(required, resamples),
            passes_champion((1 - required) * truth.mean, resamples),
            passes_percentiles(required, resamples),
        )
        for n in sizes:
            said = [[decide(pairs) for decide in deciders] for pairs in truth.draw(n, trials, seed=n)]
            kept, champion, peer = np.mean(said, axis=0)
            like = "alike" if alike else "independent"
            print(f"{required:>9.1%}{like:>13}{n:>7,}{kept:>9.2%}{champion:>10.2%}{peer:>12.2%}", flush=True)
            yield from ((float(kept), trials), (float(champion), trials))


def slice_guards(trials: int, resamples: int, *, quick: bool) -> Iterator[tuple[float, int]]:
    """Many slices at once, every single one exactly as bad as is allowed."""
    print(f"\nrefused for a slice although none is too bad ({trials:,} trials)")
    print(f"{'allowed':>9}{'slices':>8}{'rows each':>11}{'refused':>9}")
    cases = ((3, 500), (10, 50)) if quick else ((3, 500), (20, 50), (20, 300))
    for allowed, (count, n) in product((0.0, 0.05), cases):
        truth = Truth.of(0.9, allowed, 0.08)
        rate = refused_for_a_slice(truth, [n] * count, allowed, trials, resamples)
        print(f"{allowed:>9.1%}{count:>8}{n:>11}{rate:>9.2%}", flush=True)
        yield rate, trials


if __name__ == "__main__":
    main()
