"""Intervals need not be fine here; a teacher and a student as good."""

import pytest

from judged import RIGHT, SMALL, TEACHER, quality_report
from slmworks.contract.artifact import Report
from slmworks.testing import Bench


@pytest.fixture(scope="module", autouse=True)
def quick(few_draws: None) -> None:
    """For every test of this folder."""


@pytest.fixture
def teacher(bench: Bench) -> Report:
    """The report on a large model; a file of tests may have its own."""
    return quality_report(bench, TEACHER, RIGHT, size=80_000_000)


@pytest.fixture
def student(bench: Bench, teacher: Report) -> Report:
    """That on a small one that is as good."""
    return quality_report(bench, SMALL, RIGHT, size=8_000_000, baseline=teacher)
