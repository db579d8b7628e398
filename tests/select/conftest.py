"""Intervals need not be fine here."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick(few_draws: None) -> None:
    """For every test of this folder."""
