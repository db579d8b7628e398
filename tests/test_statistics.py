import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from slmworks import statistics
from slmworks.statistics import Outcomes


@pytest.mark.parametrize(("right", "n"), [(0, 10), (10, 10), (1, 3), (1245, 1530), (29_000, 30_000)])
def test_wilson_agrees_with_scipy(right, n):
    known = binomtest(right, n).proportion_ci(method="wilson")
    found = statistics.wilson(right, n)
    assert found.value == right / n
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-9)


def test_wilson_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        statistics.wilson(0, 0)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (3, 12), (40, 44), (700, 900)])
def test_mcnemar_agrees_with_the_binomial_test(gained, lost):
    known = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert statistics.mcnemar(gained, lost) == pytest.approx(known, rel=1e-6)


def test_scores_agree_with_sklearn_also_for_classes_that_are_missing():
    chance = np.random.default_rng(1)
    truth = chance.integers(0, 4, 300)  # class 4 never occurs, but is answered; class 5 neither
    predicted = np.where(chance.random(300) < 0.6, truth, chance.integers(0, 5, 300))
    counts = statistics.confusion(truth, predicted, 6)
    scores = statistics.class_scores(counts)
    known = precision_recall_fscore_support(truth, predicted, labels=range(6), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), known, strict=True):
        assert scores[name] == pytest.approx(column)
    assert statistics.macro_f1(counts) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_macro_f1_interval_is_the_one_of_resampled_rows():
    chance = np.random.default_rng(2)
    truth = chance.integers(0, 3, 200)
    predicted = np.where(chance.random(200) < 0.7, truth, chance.integers(0, 3, 200))
    found = statistics.macro_f1_interval(statistics.confusion(truth, predicted, 3), resamples=2000)
    rows = chance.integers(0, 200, (500, 200))
    slow = [f1_score(truth[one], predicted[one], average="macro") for one in rows]
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, (0.025, 0.975)), abs=0.015)
    assert found.low < found.value < found.high


def test_outcomes_count_pairs():
    pairs = Outcomes.of([True, True, False, False], [True, False, True, False])
    assert (pairs.both, pairs.gained, pairs.lost, pairs.neither) == (1, 1, 1, 1)
    with pytest.raises(ValueError, match="differ in length: 2 and 1"):
        Outcomes.of([True, False], [True])


def test_retention_is_reproducible_and_ordered():
    pairs = Outcomes(both=1180, gained=40, lost=66, neither=244)
    kept = statistics.retention(pairs, seed=3)
    assert kept == statistics.retention(pairs, seed=3)
    assert kept.estimate.value == pytest.approx(1220 / 1246)
    assert kept.estimate.low < kept.bound < kept.estimate.value < kept.estimate.high


def test_pairing_makes_the_bound_tighter():
    # the same two accuracies; in the second case the models fail on different rows
    together = statistics.retention(Outcomes(both=800, gained=0, lost=20, neither=180))
    apart = statistics.retention(Outcomes(both=650, gained=150, lost=170, neither=30))
    assert together.estimate.value == apart.estimate.value
    assert together.bound > apart.bound


def test_identical_models_keep_everything_for_sure():
    kept = statistics.retention(Outcomes(both=80, gained=0, lost=0, neither=20))
    assert (kept.estimate.value, kept.bound) == (1.0, 1.0)


def test_retention_of_a_baseline_that_is_never_right_is_a_number():
    assert np.isfinite(statistics.retention(Outcomes(both=0, gained=3, lost=0, neither=7)).bound)


def test_the_lower_bound_holds_as_often_as_it_says():
    kinds = np.array([0.72, 0.05, 0.08, 0.15])
    true = (kinds[0] + kinds[1]) / (kinds[0] + kinds[2])
    draws = np.random.default_rng(4).multinomial(500, kinds, size=600)
    below = [
        statistics.retention(Outcomes(*(int(x) for x in one)), resamples=1000, seed=i).bound <= true
        for i, one in enumerate(draws)
    ]
    assert 0.925 <= np.mean(below) <= 0.975


def test_rows_needed_gives_the_promised_chance_of_an_answer():
    kinds = np.array([0.74, 0.05, 0.07, 0.14])
    kept = (kinds[0] + kinds[1]) / (kinds[0] + kinds[2])
    pairs = Outcomes(*(int(1000 * share) for share in kinds))
    n = statistics.rows_needed(pairs, 0.95)
    assert n is not None
    assert kept > 0.95
    draws = np.random.default_rng(5).multinomial(n, kinds, size=400)
    bounds = [
        statistics.retention(Outcomes(*(int(x) for x in one)), resamples=1000, seed=i).bound
        for i, one in enumerate(draws)
    ]
    assert 0.72 <= np.mean(np.array(bounds) >= 0.95) <= 0.88


def test_no_number_of_rows_helps_a_model_that_keeps_too_little():
    assert statistics.rows_needed(Outcomes(both=70, gained=0, lost=10, neither=20), 0.95) is None
