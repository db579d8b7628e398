"""Distances and tests of two samples: against references, and how often they err."""

import numpy as np
import pytest
from scipy import stats

from slmworks.numbers.two_samples import (
    chance_stability,
    g_test,
    jensen_shannon,
    kolmogorov_smirnov,
    maximum_mean_discrepancy,
    population_stability,
)

RNG = np.random.default_rng(7)


def test_g_test_is_scipys() -> None:
    before, now = {"a": 40, "b": 60, "c": 20}, {"a": 70, "b": 30, "c": 25}
    expected = stats.chi2_contingency([[40, 60, 20], [70, 30, 25]], lambda_="log-likelihood")
    assert g_test(before, now) == pytest.approx((expected.statistic, expected.dof, expected.pvalue))


def test_rare_names_are_one_cell_and_one_name_is_no_test() -> None:
    rare = {f"rare-{i}": 1 for i in range(30)}
    assert g_test({"a": 500, **rare}, {"a": 500, **rare})[1] == 1
    assert g_test({"a": 9}, {"a": 4}) == (0.0, 0, 1.0)


def test_kolmogorov_smirnov_is_scipys() -> None:
    one, other = RNG.poisson(9, 700), RNG.poisson(10, 900)
    expected = stats.ks_2samp(one, other, method="asymp")
    counts = [
        dict(zip(*map(list, np.unique(some, return_counts=True)), strict=True)) for some in (one, other)
    ]
    assert kolmogorov_smirnov(*counts) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-6)


def test_stability_and_divergence_at_their_ends() -> None:
    assert population_stability({"a": 10, "b": 30}, {"a": 10, "b": 30}) == 0
    assert population_stability({"a": 900, "b": 100}, {"a": 500, "b": 500}) > 0.2
    assert jensen_shannon(np.array([3, 1, 0]), np.array([6, 2, 0])) == pytest.approx(0)
    assert jensen_shannon(np.array([3, 0]), np.array([0, 5])) == pytest.approx(1)


def test_mean_discrepancy_finds_a_shift_and_seldom_finds_none() -> None:
    p = [maximum_mean_discrepancy(RNG.normal(size=(60, 8)), RNG.normal(size=(50, 8)))[1] for _ in range(40)]
    assert sum(one < 0.05 for one in p) <= 6  # 2 are expected; more than 6 of 40 in one of 200 runs
    value, sure = maximum_mean_discrepancy(RNG.normal(size=(60, 8)), RNG.normal(0.5, size=(50, 8)))
    assert value > 0
    assert sure < 0.01


def test_mean_discrepancy_is_the_unbiased_estimate() -> None:
    x, y = RNG.normal(size=(12, 3)), RNG.normal(1, size=(9, 3))
    both = np.concatenate([x, y])
    squares = ((both[:, None] - both[None]) ** 2).sum(-1)
    kernel = np.exp(-squares / np.median(squares[np.triu_indices(21, 1)]))
    np.fill_diagonal(kernel, 0)
    expected = (
        kernel[:12, :12].sum() / (12 * 11) + kernel[12:, 12:].sum() / (9 * 8) - 2 * kernel[:12, 12:].mean()
    )
    assert maximum_mean_discrepancy(x, y)[0] == pytest.approx(expected, abs=1e-5)


def test_splits_that_are_equal_count_though_sums_are_rounded() -> None:
    """Of 20 splits of three and three rows, two are the one that was found."""
    p = [
        maximum_mean_discrepancy(
            RNG.normal(size=(3, 16)).astype("f4"), RNG.normal(9, 1, size=(3, 16)).astype("f4")
        )[1]
        for _ in range(20)
    ]
    assert min(p) > 0.06


def test_one_row_is_no_sample() -> None:
    with pytest.raises(ValueError, match="two rows of each are needed, not 1 and 9"):
        maximum_mean_discrepancy(RNG.normal(size=(1, 3)), RNG.normal(size=(9, 3)))


def test_the_stability_that_chance_gives() -> None:
    """77 labels: two samples of one distribution look like a large shift."""
    names, found = [f"l{i}" for i in range(77)], []
    for _ in range(50):
        before, now = (
            dict(zip(names, RNG.multinomial(rows, [1 / 77] * 77).tolist(), strict=True))
            for rows in (1000, 300)
        )
        found.append(population_stability(before, now))
    assert chance_stability(before, now) == pytest.approx(76 * (1 / 1000 + 1 / 300))
    assert np.mean(found) == pytest.approx(chance_stability(before, now), rel=0.15)
