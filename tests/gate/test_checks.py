"""One requirement at a time: what it comes to, and its words."""

from dataclasses import replace

import pytest

from benchmarks.gate_error_rates import MEASURE, table
from slmworks.gate.checks import check_champion, check_retention
from slmworks.numbers import statistics


@pytest.mark.parametrize(
    ("limit", "outcome", "words"),
    [
        (0.97, "inconclusive", "95 % lower bound 96.99 %, barely < 97 %, n = 800"),
        (0.9695, "passed", "95 % lower bound 96.99 %, barely ≥ 96.95 %, n = 800"),
        (0.95, "passed", "95 % lower bound 97.0 % ≥ 95 %, n = 800"),
    ],
)
def test_a_bound_beside_its_limit_barely_decides(limit, outcome, words):
    pairs = table(both=662, gained=22, lost=30, neither=86)
    kept = statistics.retention(pairs, limit=limit)
    check = check_retention(pairs, kept, limit, confidence=0.95, measure=MEASURE)
    assert check.outcome == outcome
    assert words in check.words


def test_a_bound_that_simulation_leaves_open_is_no_pass():
    pairs = table(both=662, gained=30, lost=30, neither=86)
    kept = replace(statistics.retention(pairs), surely=0.9699)
    assert kept.bound > 0.97
    check = check_retention(pairs, kept, 0.97, confidence=0.95, measure=MEASURE)
    assert check.outcome == "inconclusive"


@pytest.mark.parametrize(("gained", "near"), [(30, ""), (22, "barely ")])
def test_the_champions_bound_too(gained, near):
    pairs = table(both=662, gained=gained, lost=30, neither=86)
    change = statistics.difference(pairs, limit=-0.026)
    words = check_champion(pairs, change, 0.026, confidence=0.95, measure=MEASURE).words
    assert f"95 % lower bound {near}−" in words
