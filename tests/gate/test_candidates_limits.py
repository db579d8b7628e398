"""Several candidates under limits: which is recommended, and what is said where none can be."""

import itertools

import pytest

from judged import first, quality_report, speed_report
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.packet import tradeoff

TEACHER, LINEAR, SMALL, LARGE = (digit * 64 for digit in "1234")
ROWS = 1200


def right(share: float, rows: int = ROWS) -> dict[str, list[bool]]:
    return {split: first(rows, round(rows * share)) for split in ("validation", "test")}


@pytest.fixture
def decide(bench):
    """The verdict on candidates: name -> model, share of right answers, bytes, milliseconds."""
    number = itertools.count()

    def run(found: dict[str, tuple[str, float, int, float]], rows: int = ROWS, **options):
        teacher = quality_report(bench, TEACHER, right(0.8, rows), size=90_000_000)
        reports = []
        for name, (model, share, size, ms) in found.items():
            known = {"name": name, "size": size, "baseline": teacher}
            reports.append(quality_report(bench, model, right(share, rows), **known))
            reports.append(speed_report(bench, model, teacher, p95=ms))
        task = bench.task(f"gate-{next(number)}")
        return PairedBootstrap(**options).run(reports=reports, task=task).read()

    return run


FOUND = {
    "words": (LINEAR, 0.797, 900_000, 0.1),
    "one": (SMALL, 0.795, 4_000_000, 2.0),
    "three": (LARGE, 0.8, 9_000_000, 6.0),
}


def test_a_linear_model_that_keeps_enough_is_recommended(decide) -> None:
    said = decide(FOUND, retention=0.98)
    assert (said["chosen"], said["passed"]) == ("words", True)
    assert tradeoff.recommendation(said).startswith(
        "Recommended: words, smallest that on validation surely keeps 98 % (kept 99.6 %,"
    )


def test_what_misses_a_limit_is_not_chosen_though_it_is_the_smallest_that_keeps_enough(decide) -> None:
    slow = {**FOUND, "words": (LINEAR, 0.797, 900_000, 40.0)}
    said = decide(slow, retention=0.98, p95_ms=5, size_mb=20)
    assert (said["chosen"], said["passed"]) == ("one", True)
    assert (
        said["because"]
        == "smallest that on validation surely keeps 98 %, of those with at most 20 MB on disk and 5 ms at p95"
    )
    assert {check["name"]: check["outcome"] for check in said["checks"]}["p95_ms"] == "passed"


def test_of_one_size_the_best_is_the_smallest(decide) -> None:
    twins = {"a": (SMALL, 0.795, 4_000_000, 2.0), "b": (LARGE, 0.799, 4_050_000, 2.0)}
    assert decide(twins, retention=0.9)["chosen"] == "b"
    apart = {**twins, "b": (LARGE, 0.799, 4_100_000, 2.0)}
    assert decide(apart, retention=0.9)["chosen"] == "a"


def test_limits_that_nothing_meets_say_what_came_nearest_and_by_how_much(decide) -> None:
    said = decide(FOUND, retention=0.98, size_mb=0.5, p95_ms=50)
    assert (said["chosen"], said["passed"]) == ("words", False)
    assert said["because"] == (
        "none of 3 candidates has at most 0.5 MB on disk and 50 ms at p95; words came nearest: 0.90 MB on disk, 80.0 % over"
    )
    assert said["sentence"].startswith("refused: 0.9 MB on disk, 0.5 allowed")
    assert said["because"] in said["sentence"]
    assert tradeoff.recommendation(said).startswith("Nothing is recommended; judged was words, none of 3")


def test_too_few_rows_end_inconclusive_and_say_how_many_it_takes(decide) -> None:
    said = decide({name: found for name, found in FOUND.items() if name != "three"}, rows=60, retention=0.98)
    assert not said["passed"]
    assert said["sentence"].startswith("inconclusive: ")
    assert "needs n ≈ " in said["sentence"]
    assert tradeoff.recommendation(said).startswith("Nothing is recommended; judged was ")
    assert "needs n ≈ " in tradeoff.recommendation(said)
