import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from slmworks.numbers import selective


def test_a_threshold_keeps_what_it_promises() -> None:
    chance = np.random.default_rng(3)
    kept = [
        (chance.normal(size=200) >= selective.threshold(chance.normal(size=99), 0.9)).mean()
        for _ in range(2000)
    ]
    assert np.mean(kept) == pytest.approx(0.9, abs=0.005)  # exact on average: split conformal prediction


def test_too_few_rows_promise_nothing() -> None:
    assert selective.rows_for(0.95) == 19
    assert selective.threshold(np.arange(19.0), 0.95) == 0.0
    with pytest.raises(ValueError, match="18 rows are too few to keep 0.95: 19 are needed"):
        selective.threshold(np.arange(18.0), 0.95)


@pytest.mark.parametrize(("rows", "none"), [(20, 1), (30, 1), (50, 2), (100, 5)])
def test_where_too_few_rows_have_a_score_only_minus_infinity_keeps_so_many(rows: int, none: int) -> None:
    scores = np.r_[np.full(none, -np.inf), np.arange(rows - none)]
    assert selective.threshold(scores, 0.95) == -np.inf
    assert selective.threshold(scores[none:], 0.95) >= 0


def test_the_threshold_keeps_the_row_it_was_chosen_by() -> None:
    scores = np.random.default_rng(1).normal(size=50)
    assert (scores >= selective.threshold(scores, 0.9)).sum() == 46


def test_auroc_is_that_of_scikit_learn() -> None:
    chance = np.random.default_rng(5)
    inside, outside = chance.normal(1, 1, 80).round(1), chance.normal(0, 1, 40).round(1)  # with ties
    found = selective.auroc(inside, outside)
    truth = np.r_[np.ones(80), np.zeros(40)]
    assert found.value == pytest.approx(roc_auc_score(truth, np.r_[inside, outside]))
    assert 0.5 < found.low < found.value < found.high < 1


def test_the_interval_of_auroc_covers() -> None:
    chance = np.random.default_rng(7)
    true = 0.9213  # P(N(2, 1) > N(0, 1))
    inside = 0
    for _ in range(400):
        found = selective.auroc(chance.normal(2, 1, 40), chance.normal(0, 1, 30))
        inside += found.low <= true <= found.high
    assert 0.92 <= inside / 400 <= 0.99


def test_a_perfect_auroc_of_few_rows_is_not_sure() -> None:
    found = selective.auroc(np.ones(10), np.zeros(10))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.9


def test_the_surest_rows_come_with_their_equals() -> None:
    scores = np.array([3.0, 1.0, 2.0, 2.0])
    found = selective.surest(scores, np.array([1.0, 0.5, 0.25]))
    assert [sorted(one.tolist()) for one in found] == [[0, 1, 2, 3], [0, 2, 3], [0]]
