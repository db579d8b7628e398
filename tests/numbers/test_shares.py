import pytest

from slmworks.numbers import shares
from slmworks.numbers.statistics import wilson


def test_the_difference_of_two_shares_has_newcombes_interval():
    found = shares.difference((56, 70), (48, 80))  # table II (a) of his article, method 10
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize(("share", "most"), [(0.0, 0.02), (0.01, 0.02), (0.1, 0.12)])
def test_so_many_rows_show_it_and_one_less_does_not(share, most):
    n = shares.rows_needed(share, most)
    assert n is not None
    assert wilson(share * n, n).high <= most < wilson(share * (n - 1), n - 1).high


def test_no_number_of_rows_shows_what_is_not_so():
    assert shares.rows_needed(0.02, 0.02) is None
