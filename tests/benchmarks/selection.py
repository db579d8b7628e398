"""How often a selection stops the truly best one of twelve models, beside what it says of it.

    python tests/benchmarks/selection.py [--trials 2000] [--rows 200 1000 3000] [--leads 0 0.015 0.03]

Right and wrong answers are drawn row by row: eleven models have one true accuracy, one is better by the lead,
and all agree on most rows, as students of one teacher do. `risk` is `select/halving` with that option, `half`
with `keep: 0.5`; the peer stops whoever is ahead of all others in fewer than 5 % of the resamples, which is
the posterior probability of being the best under a flat prior. A rate of `risk` above the stated one by more
than three standard errors of the simulation ends with exit 1.
"""

import argparse
import sys
from itertools import product
from math import sqrt

import numpy as np

from slmworks.contract.model_task import share
from slmworks.numbers import subset

MODELS, RIGHT, AGREE, RESAMPLES, RISK = 12, 0.8, 0.75, 500, 0.05
COUNTED = 1000
"""Trials of each line in which all that go on are counted; in the others the truly best one alone."""
MEASURE = share("accuracy", "accuracy", lambda row, answer: (1.0, 1.0))


def drawn(chance: np.random.Generator, rows: int, lead: float) -> np.ndarray:
    """How many rows have each pattern of right answers, [2 ** models]; the first model is the truly best."""
    common = chance.random(rows)
    own = np.where(chance.random((MODELS, rows)) < AGREE, common, chance.random((MODELS, rows)))
    limits = np.full((MODELS, 1), RIGHT)
    limits[0] += lead
    return np.bincount((1 << np.arange(MODELS)) @ (own < limits), minlength=1 << MODELS)


def judged(patterns: np.ndarray, seed: int, *, whole: bool) -> tuple[np.ndarray, list[float], float]:
    """The models' scores, their chances of being the best, and in how many resamples the first is ahead.

    As `subset.chances_of_best` does it; both from the same draws, which are most of the work. Unless `whole`,
    the chance of the first model only.
    """
    (seen,) = patterns.nonzero()
    right = (seen[:, None] >> np.arange(MODELS) & 1).astype(float)
    each, rows = np.stack([right, np.ones_like(right)], axis=2), patterns[seen]
    scores = rows @ right / rows.sum()
    lucky, unlucky = subset._drawn(each, rows, MEASURE, RESAMPLES, seed)
    middle, models = (lucky + unlucky) / 2, range(MODELS)
    rivals = [models if whole or not i else () for i in models]
    first = float((middle[:, 0] >= middle.max(axis=1)).mean())
    return scores, subset._chances(each, scores, lucky, unlucky, rivals), first


def line(rows: int, lead: float, trials: int) -> tuple[str, bool]:
    """One line of the table, and whether the stated rate holds."""
    chance = np.random.default_rng(rows)
    said, go_on, posterior, stopped = [], [], [], []
    for trial in range(trials):
        scores, chances, first = judged(drawn(chance, rows, lead), trial, whole=trial < COUNTED)
        said.append(chances[0])
        if trial < COUNTED:
            go_on.append(sum(one > RISK for one in chances))
        posterior.append(first)
        stopped.append((scores > scores[0]).sum() >= MODELS // 2)
    wrong, peer = float(np.mean(np.array(said) <= RISK)), float(np.mean(np.array(posterior) <= RISK))
    half = np.array(stopped)
    told = f"{100 * np.mean(np.array(said)[half]):.0f} %" if half.any() else "—"
    words = (
        f"| {rows:,} | {100 * lead:.1f} | {100 * wrong:.1f} % | {np.mean(go_on):.1f} | {100 * peer:.1f} % "
        f"| {100 * half.mean():.1f} % | {told} |"
    )
    return words, wrong <= RISK + 3 * sqrt(RISK * (1 - RISK) / trials)


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    words.add_argument("--trials", type=int, default=2000)
    words.add_argument("--rows", type=int, nargs="+", default=[200, 1000, 3000])
    words.add_argument("--leads", type=float, nargs="+", default=[0.0, 0.015, 0.03])
    asked = words.parse_args()
    print(f"| rows | truly ahead by, points | `risk: {RISK}`: stopped wrongly | go on, of {MODELS} "
          "| peer: stopped wrongly | half: stopped wrongly | mean chance said then |")  # fmt: skip
    print("|---|---|---|---|---|---|---|")
    holds = True
    for rows, lead in product(asked.rows, asked.leads):
        text, fine = line(rows, lead, asked.trials)
        print(text, flush=True)
        holds = holds and fine
    if not holds:
        sys.exit("a stated rate does not hold")


if __name__ == "__main__":
    main()
