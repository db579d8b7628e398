import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from benchmarks import gate_error_rates as rates
from slmworks.numbers import statistics
from slmworks.numbers.statistics import Outcomes


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


@pytest.mark.parametrize(("right", "lost"), [(80, 0), (80, 3), (1000, 1)])
def test_where_nothing_was_gained_the_bound_is_the_exact_one(right, lost):
    # rows the teacher has right: what share of them is kept is a plain binomial question
    kept = statistics.retention(Outcomes(right - lost, 0, lost, 20), resamples=200_000)
    known = binomtest(right - lost, right).proportion_ci(0.9, method="exact")
    assert kept.bound == pytest.approx(known.low, abs=1e-3)
    assert kept.bound < 1


def test_retention_of_a_baseline_that_is_never_right_is_a_number():
    assert np.isfinite(statistics.retention(Outcomes(both=0, gained=3, lost=0, neither=7)).bound)


@pytest.mark.parametrize(("n", "required"), [(100, 0.95), (500, 0.95), (500, 0.98)])
def test_a_student_just_at_the_limit_passes_as_rarely_as_stated(n, required):
    drawn = rates.Truth.of(0.9, 0.9 * (1 - required), 0.05).draw(n, 2000, seed=4)
    # 5 % and three standard errors of 2,000 trials
    assert rates.error_rate(drawn, rates.passes_retention(required, 1000)) <= 0.065


def test_a_model_that_is_too_much_worse_than_the_champion_passes_as_rarely_as_stated():
    drawn = rates.Truth.of(0.9, 0.02, 0.05).draw(400, 2000, seed=5)
    assert rates.error_rate(drawn, rates.passes_champion(0.02, 1000)) <= 0.065


def test_a_much_worse_model_never_passes_and_an_equal_one_mostly_does():
    worse = rates.Truth.of(0.9, 0.09, 0.1).draw(1500, 500, seed=6)
    equal = rates.Truth.of(0.9, 0.0, 0.05).draw(1500, 500, seed=7)
    for decide in (rates.passes_retention(0.97, 1000), rates.passes_champion(0.02, 1000)):
        assert rates.error_rate(worse, decide) == 0
        assert rates.error_rate(equal, decide) > 0.9


def test_many_noisy_slices_together_refuse_as_rarely_as_stated():
    truth = rates.Truth.of(0.9, 0.05, 0.08)
    assert rates.refused_for_a_slice(truth, [200] * 5, 0.05, 200, 1000) <= 0.096


def test_a_slice_that_truly_drops_is_found():
    truth = rates.Truth.of(0.9, 0.25, 0.3)
    assert rates.refused_for_a_slice(truth, [200] * 5, 0.05, 20, 1000) == 1


def test_holm_is_the_one_of_statsmodels():
    # statsmodels.stats.multitest.multipletests(p, method="holm")[1]
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([]) == []


def test_a_drop_has_no_p_value_of_zero():
    certain = Outcomes(both=100, gained=0, lost=400, neither=0)
    assert statistics.p_drop(certain, 0.05, resamples=1000) == pytest.approx(1 / 1001)
    assert statistics.p_drop(Outcomes(90, 5, 5, 0), 0.05) == 1


def test_a_difference_lies_in_its_interval():
    change = statistics.difference(Outcomes(both=1180, gained=40, lost=66, neither=214))
    assert change.estimate.value == pytest.approx(-26 / 1500)
    assert change.estimate.low < change.bound < change.estimate.value < change.estimate.high


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
