"""How often the truly best of several models is stopped, against what is said of it."""

import numpy as np
import pytest

from slmworks.contract.model_task import Measure, share
from slmworks.numbers.subset import chances_of_best

ACCURACY = share("accuracy", "accuracy", lambda row, answer: (1.0, 1.0))
LOSS = Measure(
    "loss", "loss", lambda row, answer: (1.0, 1.0), value=lambda sums: sums[..., 0] / sums[..., 1],
    worst=(9.0, 1.0), best=(0.0, 1.0), higher_is_better=False,
)  # fmt: skip


def drawn(chance: np.random.Generator, rights: list[float], rows: int) -> list[np.ndarray]:
    """Right and wrong answers of models that agree on most rows."""
    hard, own = chance.random(rows), chance.random((len(rights), rows))
    score = np.where(chance.random((len(rights), rows)) < 0.7, hard, own)
    return [
        np.stack([(score[i] < right).astype(float), np.ones(rows)], axis=1) for i, right in enumerate(rights)
    ]


@pytest.mark.parametrize("rows", [60, 300])
@pytest.mark.parametrize("lead", [0.0, 0.015])
def test_the_truly_best_one_is_stopped_no_oftener_than_said(rows: int, lead: float) -> None:
    chance, trials = np.random.default_rng(5), 400
    said = np.array(
        [
            chances_of_best(drawn(chance, [0.8] * 7 + [0.8 + lead], rows), ACCURACY, resamples=400, seed=i)[
                -1
            ]
            for i in range(trials)
        ]
    )
    for share_ in (0.05, 0.2):
        assert (said <= share_).mean() <= share_ + 3 * np.sqrt(share_ / trials)


def test_who_is_far_behind_is_surely_not_the_best() -> None:
    chance = np.random.default_rng(1)
    first, near, far = chances_of_best(drawn(chance, [0.9, 0.89, 0.6], 500), ACCURACY)
    assert far == pytest.approx(1 / 10_001)
    assert far < near
    assert first > 0.05


def test_one_model_alone_and_twins_cannot_be_told_from_the_best() -> None:
    one = drawn(np.random.default_rng(2), [0.7], 100)[0]
    assert chances_of_best([one], ACCURACY) == [1.0]
    assert min(chances_of_best([one, one.copy()], ACCURACY, resamples=1000)) > 0.99


def test_where_lower_is_better_the_lower_one_leads() -> None:
    chance = np.random.default_rng(3)
    base = chance.exponential(1.0, 300)
    low, high = (np.stack([base * by, np.ones(300)], axis=1) for by in (1.0, 1.6))
    best, other = chances_of_best([low, high], LOSS, resamples=2000)
    assert other < 0.01 < best


def test_in_few_rows_nothing_is_sure() -> None:
    right, wrong = (np.tile([one, 1.0], (4, 1)) for one in (1.0, 0.0))
    assert chances_of_best([right, wrong], ACCURACY)[1] > 0.01
