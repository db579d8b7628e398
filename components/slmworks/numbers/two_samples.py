"""Distances between two samples, and tests of whether one distribution gave both."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

FEWEST = 5
"""Rows that a cell must be expected to hold; smaller ones are joined (Cochran, 1954)."""
PERMUTATIONS = 500
TIE = 1e-6
"""Difference of two MMD² that may be rounding of 32-bit kernels: what is so near counts as equal."""


def chance_stability(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """The index that two samples of one distribution are expected to have, about (k - 1)(1/n + 1/m).

    k names, n and m rows. PSI is the sum of two Kullback-Leibler divergences; times nm / (n + m) it is about
    chi-squared with k - 1 degrees of freedom (Yurdakul, "Statistical Properties of Population Stability
    Index", 2018).
    """
    names = {name for some in (before, now) for name, rows in some.items() if rows}
    return (len(names) - 1) * sum(1 / sum(some.values()) for some in (before, now))


def population_stability(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Population stability index of two sets of counts; half a row is added to each, so none is zero."""
    import numpy as np

    names = sorted({*before, *now})
    a, b = (np.array([some.get(name, 0) + 0.5 for name in names]) for some in (before, now))
    a, b = a / a.sum(), b / b.sum()
    return float(((b - a) * np.log(b / a)).sum())


def g_test(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[float, int, float]:
    """Likelihood-ratio test of homogeneity: G, degrees of freedom, p. Rare names are one cell."""
    import numpy as np
    from scipy.stats import chi2

    names = sorted({*before, *now})
    table = np.array([[some.get(name, 0) for name in names] for some in (before, now)], float)
    shares = table.sum(1, keepdims=True) / table.sum()
    rare = (shares * table.sum(0)).min(0) < FEWEST
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(1, keepdims=True)], 1)
    table = table[:, table.sum(0) > 0]
    expected = shares * table.sum(0)
    terms = np.where(table > 0, table * np.log(np.maximum(table, 1) / expected), 0)
    g, df = 2 * float(terms.sum()), table.shape[1] - 1
    return g, df, float(chi2.sf(g, df)) if df else 1.0


def kolmogorov_smirnov(before: Mapping[int, int], now: Mapping[int, int]) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov test of values with their counts: D, p (conservative with ties)."""
    import numpy as np
    from scipy.stats import kstwo

    values = sorted({*before, *now})
    a, b = (np.array([some.get(value, 0) for value in values], float) for some in (before, now))
    n, m = a.sum(), b.sum()
    d = float(np.abs(a.cumsum() / n - b.cumsum() / m).max())
    return d, float(kstwo.sf(d, max(1, round(n * m / (n + m)))))


def jensen_shannon(before: "Array", now: "Array") -> float:
    """Jensen-Shannon divergence of two arrays of counts, in bits: 0 alike, 1 nothing in common."""
    import numpy as np

    if not (before.any() and now.any()):
        return float(before.any() or now.any())
    a, b = before / before.sum(), now / now.sum()
    middle = (a + b) / 2

    def towards(some: "Array") -> float:
        there = some > 0
        return float((some[there] * np.log2(some[there] / middle[there])).sum())

    return max(0.0, (towards(a) + towards(b)) / 2)


def maximum_mean_discrepancy(before: "Array", now: "Array", *, seed: int = 0) -> tuple[float, float]:
    """Unbiased squared MMD of vectors [rows, width] with a Gaussian kernel, and p by permutation.

    Bandwidth: the median distance (Gretton et al., 2012). Memory: 4 bytes a pair of rows.
    ValueError for a sample of fewer than two rows, within which there is no pair.
    """
    import numpy as np

    n, m = len(before), len(now)
    if min(n, m) < 2:
        raise ValueError(f"two rows of each are needed, not {n} and {m}")
    both = np.concatenate([before, now]).astype("float32")
    norms = (both**2).sum(1)
    squares = np.maximum(norms[:, None] + norms[None] - 2 * both @ both.T, 0)
    width = float(np.median(squares[np.triu_indices(n + m, 1)])) or 1.0
    kernel = np.exp(-squares / width)
    np.fill_diagonal(kernel, 0)
    rng = np.random.default_rng(seed)
    chosen = np.zeros((n + m, PERMUTATIONS + 1), "float32")
    chosen[:n, 0] = 1
    for column in range(1, PERMUTATIONS + 1):
        chosen[rng.permutation(n + m)[:n], column] = 1
    found = kernel @ chosen
    within = (chosen * found).sum(0, dtype="float64")
    ends = (chosen * kernel.sum(1)[:, None]).sum(0, dtype="float64")
    others = kernel.sum(dtype="float64") - 2 * ends + within
    values = within / (n * (n - 1)) + others / (m * (m - 1)) - 2 * (ends - within) / (n * m)
    extreme = int((values[1:] >= values[0] - TIE).sum())
    return float(values[0]), (1 + extreme) / (1 + PERMUTATIONS)
