import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from benchmarks import gate_error_rates as rates
from benchmarks.gate_error_rates import MEASURE, table
from slmworks.contract.model_task import Measure
from slmworks.model_tasks.text_classification import measures
from slmworks.numbers import statistics
from slmworks.numbers.paired import Paired


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
    counts = measures.confusion(truth, predicted, 6)
    scores = measures.class_scores(counts)
    known = precision_recall_fscore_support(truth, predicted, labels=range(6), zero_division=0)
    for name, column in zip(("precision", "recall", "f1", "support"), known, strict=True):
        assert scores[name] == pytest.approx(column)
    assert measures.macro_f1(counts) == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_macro_f1_interval_is_the_one_of_resampled_rows():
    chance = np.random.default_rng(2)
    truth = chance.integers(0, 3, 200)
    predicted = np.where(chance.random(200) < 0.7, truth, chance.integers(0, 3, 200))
    found = measures.macro_f1_interval(measures.confusion(truth, predicted, 3), resamples=2000)
    rows = chance.integers(0, 200, (500, 200))
    slow = [f1_score(truth[one], predicted[one], average="macro") for one in rows]
    assert (found.low, found.high) == pytest.approx(np.quantile(slow, (0.025, 0.975)), abs=0.015)
    assert found.low < found.value < found.high


def ends_of(found):
    """Ends over several seeds: the widest difference of the lower ones, and of the upper ones."""
    return np.ptp([one.low for one in found]), np.ptp([one.high for one in found])


@pytest.mark.parametrize(("rows", "labels"), [(300, 3), (2000, 3), (2000, 12)])
def test_no_seed_changes_the_third_decimal_of_macro_f1_by_more_than_one(rows, labels):
    chance = np.random.default_rng(2)
    truth = chance.integers(0, labels, rows)
    predicted = np.where(chance.random(rows) < 0.7, truth, chance.integers(0, labels, rows))
    counts = measures.confusion(truth, predicted, labels)
    assert max(ends_of([measures.macro_f1_interval(counts, seed=seed) for seed in range(6)])) < 1e-3


def test_no_seed_changes_the_third_decimal_of_a_mean_by_more_than_one():
    scores = np.random.default_rng(4).beta(6, 2, 300).round(2)
    rows = np.stack([scores, np.ones(300)], 1)
    assert max(ends_of([statistics.estimate(rows, MEASURE, seed=seed) for seed in range(6)])) < 1e-3
    rough = [statistics.estimate(rows, MEASURE, resamples=1000, seed=seed, fine=False) for seed in range(6)]
    assert max(ends_of(rough)) > 1e-3


def test_no_more_is_drawn_than_takes_a_moment():
    asked = []

    def draw(count):
        asked.append(count)
        return np.random.default_rng(1).normal(0, 1, count)

    statistics.percentiles(draw, 40, resamples=1000)
    assert asked == [1000, 100_000]  # four million numbers


def paired(ours, theirs, of=MEASURE):
    """Rows with these scores."""
    a, b = ([[score, 1] for score in one] for one in (ours, theirs))
    return Paired.pair(np.array(a, float), np.array(b, float), of)


def test_rows_of_a_kind_are_counted_once():
    pairs = paired([1, 1, 0, 0, 1], [1, 0, 1, 0, 1])
    assert pairs.rows.tolist() == [2, 1, 1, 1]  # right for both, gained, lost, wrong for both
    assert (pairs.n, pairs.gained, pairs.lost, pairs.binary) == (5, 1, 1, True)
    assert (pairs.value, pairs.other, pairs.kept, pairs.difference) == (0.6, 0.6, 1, 0)
    with pytest.raises(ValueError, match="differ in shape"):
        paired([1, 0], [1])
    with pytest.raises(ValueError, match="at least one row"):
        Paired.pair(np.zeros((0, 2)), np.zeros((0, 2)), MEASURE)


def test_where_lower_is_better_everything_is_turned_round():
    # negative log-likelihood and tokens of each row, to perplexity
    of = Measure(
        "perplexity",
        "perplexity",
        lambda row, answer: (answer["loss"], answer["tokens"]),
        lambda sums: np.exp(sums[..., 0] / sums[..., 1]),
        worst=(10.0, 1.0),
        best=(0.0, 1.0),
        higher_is_better=False,
    )
    chance = np.random.default_rng(3)
    theirs = chance.gamma(2, 1, 400)
    pairs = paired(theirs + 0.1 + chance.normal(0, 0.1, 400), theirs, of)
    assert pairs.value > pairs.other
    assert pairs.kept == pytest.approx(pairs.other / pairs.value)
    assert pairs.difference == pytest.approx(pairs.other - pairs.value)
    assert pairs.lost > pairs.gained
    assert not pairs.binary
    kept = statistics.retention(pairs)
    assert kept.estimate.low < kept.bound < kept.estimate.value < 1
    change = statistics.difference(pairs)
    assert change.bound < change.estimate.value < 0
    assert statistics.p_drop(pairs, 0.0) < 0.05
    assert statistics.p_differ(pairs) < 0.05


def test_a_mean_of_scores_has_the_interval_of_resampled_rows():
    scores = np.random.default_rng(4).beta(6, 2, 300)
    found = statistics.estimate(np.stack([scores, np.ones(300)], 1), MEASURE)
    half = 1.96 * scores.std() / 300**0.5
    assert found.value == pytest.approx(scores.mean())
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=2e-3)


def test_retention_is_reproducible_and_ordered():
    pairs = table(both=1180, gained=40, lost=66, neither=244)
    kept = statistics.retention(pairs, seed=3)
    assert kept == statistics.retention(pairs, seed=3)
    assert kept.estimate.value == pytest.approx(1220 / 1246)
    assert kept.estimate.low < kept.bound < kept.estimate.value < kept.estimate.high


def test_pairing_makes_the_bound_tighter():
    # the same two accuracies; in the second case the models fail on different rows
    together = statistics.retention(table(both=800, gained=0, lost=20, neither=180))
    apart = statistics.retention(table(both=650, gained=150, lost=170, neither=30))
    assert together.estimate.value == apart.estimate.value
    assert together.bound > apart.bound


@pytest.mark.parametrize(("right", "lost"), [(80, 0), (80, 3), (1000, 1)])
def test_where_nothing_was_gained_the_bound_is_the_exact_one(right, lost):
    # rows the teacher has right: what share of them is kept is a plain binomial question
    kept = statistics.retention(table(right - lost, 0, lost, 20))
    known = binomtest(right - lost, right).proportion_ci(0.9, method="exact")
    assert kept.bound == pytest.approx(known.low, abs=1e-9)
    assert kept.bound < 1


@pytest.mark.parametrize(
    "counts", [(662, 22, 30, 86), (80, 0, 0, 20), (5, 3, 2, 1), (0, 3, 1, 2), (3, 0, 2, 1), (40, 60, 10, 90)]
)
@pytest.mark.parametrize("of", [statistics.retention, statistics.difference])
def test_what_is_computed_for_right_and_wrong_is_what_would_be_drawn(of, counts, monkeypatch):
    computed = of(table(*counts))
    monkeypatch.setattr(Paired, "table", None)
    drawn = of(table(*counts), resamples=400_000)
    assert computed.bound == computed.surely
    assert (drawn.estimate.low, drawn.bound) == pytest.approx(
        (computed.estimate.low, computed.bound), abs=3e-3
    )
    assert drawn.estimate.high == pytest.approx(min(computed.estimate.high, drawn.estimate.high), abs=0.02)
    assert drawn.surely < computed.bound


def test_the_chance_of_a_drop_is_what_would_be_drawn(monkeypatch):
    pairs = table(180, 4, 20, 46)
    computed = statistics.p_drop(pairs, 0.03)
    monkeypatch.setattr(Paired, "table", None)
    assert computed == pytest.approx(statistics.p_drop(pairs, 0.03, resamples=400_000), abs=2e-3)


def test_no_seed_turns_a_verdict():
    pairs = table(both=662, gained=22, lost=30, neither=86)
    bounds = {statistics.retention(pairs, limit=0.97, seed=seed).bound for seed in range(100)}
    assert len(bounds) == 1
    assert bounds.pop() == pytest.approx(0.96985, abs=5e-6)  # a million draws: 0.96981 to 0.96986


def test_what_has_to_be_drawn_is_drawn_until_the_limit_is_clearly_passed():
    chance = np.random.default_rng(2)
    pairs = paired(chance.beta(6, 2, 40).round(1), chance.beta(6, 2, 40).round(1))
    far = statistics.retention(pairs, resamples=1000)
    limit = statistics.retention(pairs, resamples=400_000).bound + 2e-3
    sides = set()
    for seed in range(5):
        kept = statistics.retention(pairs, limit=limit, resamples=1000, seed=seed)
        assert kept.bound - kept.surely < far.bound - far.surely
        sides.add(kept.surely >= limit)
    assert sides == {False}


def test_the_interval_is_the_same_for_every_limit():
    chance = np.random.default_rng(2)
    pairs = paired(chance.beta(6, 2, 40).round(1), chance.beta(6, 2, 40).round(1))
    free = statistics.retention(pairs)
    near = statistics.retention(pairs, limit=free.bound)
    assert near.estimate == free.estimate
    assert near.bound != free.bound
    assert near.drawn
    assert not statistics.retention(table(5, 3, 2, 1)).drawn


def test_a_bound_that_no_number_of_draws_tells_from_the_limit_is_not_sure(monkeypatch):
    monkeypatch.setattr(statistics, "MOST_DRAWS", 4000)
    pairs = paired(np.random.default_rng(2).beta(6, 2, 300), np.random.default_rng(3).beta(6, 2, 300))
    drawn = statistics.retention(pairs, resamples=4000).bound
    kept = statistics.retention(pairs, limit=drawn, resamples=1000)
    assert kept.bound == drawn
    assert kept.surely < drawn


def test_retention_of_a_baseline_that_is_never_right_is_a_number():
    assert np.isfinite(statistics.retention(table(both=0, gained=3, lost=0, neither=7)).bound)


@pytest.mark.parametrize(("n", "required"), [(100, 0.95), (500, 0.95), (500, 0.98)])
def test_a_student_just_at_the_limit_passes_as_rarely_as_stated(n, required):
    drawn = rates.Truth.of(0.9, 0.9 * (1 - required), 0.05).draw(n, 2000, seed=4)
    # 5 % and three standard errors of 2,000 trials
    assert rates.error_rate(drawn, rates.passes_retention(required, 1000)) <= 0.065


def test_a_model_that_is_too_much_worse_than_the_champion_passes_as_rarely_as_stated():
    drawn = rates.Truth.of(0.9, 0.02, 0.05).draw(400, 2000, seed=5)
    assert rates.error_rate(drawn, rates.passes_champion(0.02, 1000)) <= 0.065


@pytest.mark.parametrize("alike", [True, False])
def test_a_student_with_a_mean_score_at_the_limit_passes_as_rarely_as_stated(alike):
    truth = rates.Scores(0.95, alike)
    decide = rates.passes_retention(0.95, 1000)
    # 5 % and three standard errors of 1,000 trials
    assert np.mean([decide(pairs) for pairs in truth.draw(100, 1000, seed=8)]) <= 0.071


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
    certain = table(both=100, gained=0, lost=400, neither=0)
    assert 0 < statistics.p_drop(certain, 0.05) < 1e-9
    drawn = paired([0.1] * 400, [0.9] * 400)
    assert statistics.p_drop(drawn, 0.05, resamples=1000) == pytest.approx(1 / 1001)
    assert statistics.p_drop(table(90, 5, 5, 0), 0.05) == 1


def test_a_difference_lies_in_its_interval():
    change = statistics.difference(table(both=1180, gained=40, lost=66, neither=214))
    assert change.estimate.value == pytest.approx(-26 / 1500)
    assert change.estimate.low < change.bound < change.estimate.value < change.estimate.high


def test_rows_needed_gives_the_promised_chance_of_an_answer():
    kinds = np.array([0.74, 0.05, 0.07, 0.14])
    kept = (kinds[0] + kinds[1]) / (kinds[0] + kinds[2])
    pairs = table(*(int(1000 * share) for share in kinds))
    n = statistics.rows_needed(pairs, 0.95)
    assert n is not None
    assert kept > 0.95
    draws = np.random.default_rng(5).multinomial(n, kinds, size=400)
    bounds = [
        statistics.retention(table(*(int(x) for x in one)), resamples=1000, seed=i).bound
        for i, one in enumerate(draws)
    ]
    assert 0.72 <= np.mean(np.array(bounds) >= 0.95) <= 0.88


def test_no_number_of_rows_helps_a_model_that_keeps_too_little():
    assert statistics.rows_needed(table(both=70, gained=0, lost=10, neither=20), 0.95) is None


def test_rows_needed_for_a_mean_score_gives_the_promised_chance_of_an_answer():
    # scores vary little between rows, so the further row counts
    truth = rates.Scores(0.97, alike=True, higher=0.01)
    (seen,) = truth.draw(20_000, 1, seed=0)
    for n, passes in (
        (statistics.rows_needed(seen, 0.95), rates.passes_retention(0.95, 1000)),
        (statistics.rows_needed_for_difference(seen, 0.05), rates.passes_champion(0.05, 1000)),
    ):
        assert n is not None
        assert 0.72 <= np.mean([passes(pairs) for pairs in truth.draw(n, 300, seed=1)]) <= 0.88
