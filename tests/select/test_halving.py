"""Which candidates go on, in which order, and what is said of those that don't."""

from dataclasses import replace
from typing import Any

import pytest

from judged import first, quality_report
from slmworks.contract.artifact import Report, Selection
from slmworks.contract.errors import BadRequest
from slmworks.contract.options import OptionError, configure
from slmworks.select.halving import Halving, ordinal
from slmworks.testing import Bench

ROWS = 400


def report(bench: Bench, model: str, right: int, **known: Any) -> Report:
    """A report on the model `model` with so many right rows on validation, and none on test."""
    splits = {"validation": first(ROWS, right), "test": first(10, 0)}
    return quality_report(bench, model * 64, splits, splits=("validation",), name=f"model {model}", **known)


def selected(
    bench: Bench, reports: list[Report], costs: dict[str, float] | None = None, **options: Any
) -> Selection:
    task = bench.task(f"select-{len(list(bench.folder.iterdir()))}")
    if costs:
        object.__setattr__(task, "cost_of", lambda digest: costs[digest[0]])
    return bench.keep(Halving(resamples=1000, **options).run(reports=reports, task=task))


def going(selection: Selection) -> str:
    return "".join(digest[0] for digest in selection.meta["goes_on"])


@pytest.fixture
def five(bench: Bench) -> list[Report]:
    return [
        report(bench, name, right) for name, right in zip("abcde", (300, 340, 200, 339, 320), strict=True)
    ]


@pytest.mark.parametrize(
    ("options", "on"),
    [({}, "bde"), ({"keep": 1}, "b"), ({"keep": 0.2}, "b"), ({"keep": 0.21}, "bd"), ({"keep": 9}, "bdeac"),
     ({"keep": 1, "risk": 0.3}, "bd"), ({"keep": 3, "risk": 0.3}, "bde")],
)  # fmt: skip
def test_the_best_on_validation_go_on(bench: Bench, five: list[Report], options: dict, on: str) -> None:
    assert going(selected(bench, five, **options)) == on


def test_the_others_say_why_and_how_sure_that_is(bench: Bench, five: list[Report]) -> None:
    made = selected(bench, five, keep=1)
    content = made.read()
    assert made.meta["stopped"]["c" * 64] == "5th of 5 by accuracy on validation"
    chances = {row["model"][0]: row["chance"] for row in content["rows"]}
    assert 0.1 < chances["d"] < 1  # one row behind
    assert chances["e"] <= 0.01
    assert chances["c"] <= 0.01
    assert content["chance"] == chances["d"]
    assert content["sentence"].startswith(
        "1 of 5 goes on; of those stopped, model d (0.848) came nearest to the best (0.850): a truly best one is stopped so in at most "
    )
    assert content["sentence"].endswith("% of cases; 1 of them overlaps with the best")
    assert [row["rank"] for row in content["rows"]] == [1, 2, 3, 4, 5]
    assert content["rows"][0]["written"] == "0.850 (0.812–0.882)"
    assert made.refs["report.4"] == five[4].digest


def test_of_equally_good_ones_the_smaller_goes_first(bench: Bench) -> None:
    reports = [report(bench, "a", 300, size=900), report(bench, "b", 300, size=400)]
    made = selected(bench, reports)
    assert going(made) == "b"
    assert made.read()["chance"] == 1.0
    assert made.read()["sentence"] == "1 of 2 goes on; of those stopped, 1 is as good as the best (0.750)"


def test_within_a_margin_the_smaller_goes_first_and_is_called_by_its_step(bench: Bench) -> None:
    sizes = {"a": (340, 900), "b": (336, 300), "c": (334, 500), "d": (300, 100)}
    reports = [report(bench, name, right, size=size) for name, (right, size) in sizes.items()]
    assert going(selected(bench, reports, keep=2)) == "ab"
    task = replace(bench.task("margin"), names={name * 64: f"step_{name}" for name in "ab"})
    made = bench.keep(Halving(resamples=1000, keep=2, margin=0.015).run(reports=reports, task=task))
    assert going(made) == "bc"
    rows = {row["name"]: row for row in made.read()["rows"]}
    assert list(rows) == ["step_b", "model c", "step_a", "model d"]
    assert made.meta["stopped"]["a" * 64] == (
        "3rd of 4 by accuracy on validation, as good as the best and larger"
    )
    assert rows["step_a"]["chance"] is None
    sentence = made.read()["sentence"]
    assert sentence.startswith(
        "2 of 4 go on; 1 as good as the best and larger is stopped; of those stopped, model d (0.750)"
    )
    assert "(0.850)" in sentence


def test_what_the_others_were_compared_with_is_no_candidate(bench: Bench) -> None:
    baseline = report(bench, "t", 390)
    reports = [report(bench, name, right, baseline=baseline) for name, right in (("a", 300), ("b", 310))]
    assert going(selected(bench, [baseline, *reports], keep=2)) == "ba"


def test_one_candidate_goes_on_whatever_is_asked(bench: Bench) -> None:
    made = selected(bench, [report(bench, "a", 3)], costs={"a": 9000.0}, budget=1)
    assert going(made) == "a"
    assert made.read()["sentence"] == "1 of 1 goes on: none is stopped"


def test_no_more_go_on_than_the_budget_is_enough_for(bench: Bench, five: list[Report]) -> None:
    costs = {"a": 10.0, "b": 50.0, "c": 10.0, "d": 40.0, "e": 50.0}
    made = selected(bench, five, costs, keep=4, budget=1.5)
    assert going(made) == "bd"
    assert made.meta["stopped"]["e" * 64] == "3rd of 5 by accuracy on validation, beyond the budget"
    assert made.meta["stopped"]["c" * 64] == "5th of 5 by accuracy on validation"
    assert made.read()["rows"][0]["cpu_seconds"] == 50.0
    assert going(selected(bench, five, costs, keep=4, budget=1.5, dearer=2)) == "b"
    assert going(selected(bench, five, costs, keep=4, budget=100)) == "bdea"


def test_each_candidate_has_its_own_way_to_go(bench: Bench, five: list[Report]) -> None:
    costs = dict.fromkeys("abcde", 10.0)
    dearer = [1.0, 9.0, 1.0, 2.0, 2.0]
    made = selected(bench, five, costs, keep=4, budget=1.5, whole=True, dearer=dearer)
    assert going(made) == "de"  # 40 s are left: b takes 90, d and e 20 each
    assert {row["model"][0]: row["cpu_seconds"] for row in made.read()["rows"]} == {
        "b": 90.0, "d": 20.0, "e": 20.0, "a": 10.0, "c": 10.0,
    }  # fmt: skip
    with pytest.raises(
        BadRequest, match=r"^dearer: 2 numbers for 5 reports; give one for each, or one for all"
    ):
        selected(bench, five, costs, budget=1, dearer=[1.0, 2.0])


def test_the_best_of_each_size_goes_first(bench: Bench) -> None:
    sizes = {"a": (340, 900), "b": (336, 905), "c": (300, 300), "d": (310, 301), "e": (335, 600)}
    reports = [report(bench, name, right, size=size) for name, (right, size) in sizes.items()]
    made = selected(bench, reports, among="no-larger", keep=3)
    assert going(made) == "aed"  # none that is no larger is better; the smallest comes last, and goes on
    rows = {row["model"][0]: row for row in made.read()["rows"]}
    assert made.meta["stopped"]["b" * 64] == (
        "4th of 5 by accuracy on validation, 1 of them no larger and better"  # 2 % are no difference
    )
    assert rows["c"]["chance"] < rows["b"]["chance"] < 1
    assert rows["d"]["chance"] == 1  # the two that are better are larger
    assert "model b (0.840) came nearest to the best that is no larger (0.850)" in made.read()["sentence"]
    only = selected(bench, reports, among="no-larger", keep=1).read()["sentence"]
    assert only == "1 of 5 goes on; of those stopped, 2 are better than all that are no larger"


def test_the_whole_budget_counts_what_the_probes_took(bench: Bench, five: list[Report]) -> None:
    costs = {"a": 10.0, "b": 50.0, "c": 10.0, "d": 10.0, "e": 10.0}
    assert going(selected(bench, five, costs, keep=3, budget=3, whole=True)) == "bde"  # 90 s, then 70 s
    assert going(selected(bench, five, costs, keep=3, budget=2, whole=True)) == "de"  # 30 s are left
    made = selected(bench, five, {**costs, "d": 20.0, "e": 20.0}, keep=3, budget=2.1, whole=True)
    assert going(made) == "a"  # 16 s are left, and the best three take more
    assert made.meta["stopped"]["b" * 64] == "1st of 5 by accuracy on validation, beyond the budget"
    with pytest.raises(BadRequest, match="margin: with `among: no-larger` sizes decide already"):
        configure(Halving, "halving", {"among": "no-larger", "margin": 0.01})
    with pytest.raises(BadRequest) as caught:
        selected(bench, five, costs, keep=3, budget=1.6, whole=True)
    assert str(caught.value) == (
        "budget: 1.6 CPU-minutes are enough for no candidate: the probes took 1.5, and model d, the cheapest to "
        "go on with, takes some 0.2 more; allow 1.7 at least (what was made is kept)."
    )


def test_the_same_reports_give_the_same_bytes(bench: Bench, five: list[Report]) -> None:
    assert selected(bench, five).digest == selected(bench, five).digest


def test_what_does_not_fit_is_refused(bench: Bench, five: list[Report]) -> None:
    with pytest.raises(BadRequest, match="measured on different data"):
        selected(bench, [five[0], report(bench, "z", 5, data="e" * 64)])
    speed = bench.keep(Report(path=_folder(bench), meta={"type": "speed"}, refs={"model": "m" * 64}))
    with pytest.raises(BadRequest, match="reads reports of type quality, not 'speed'"):
        selected(bench, [five[0], speed])
    splits = {"validation": first(10, 5), "test": first(10, 5)}
    only_test = quality_report(bench, "q" * 64, splits, splits=("test",), name="q")
    with pytest.raises(BadRequest, match="the report on q judges test only, and validation is needed too"):
        selected(bench, [only_test])


@pytest.mark.parametrize("keep", [0, 1.5, -1, "half", True])
def test_keep_is_a_number_or_a_share(keep: Any) -> None:
    with pytest.raises(OptionError):
        configure(Halving, "halving", {"keep": keep})


def test_ranks_in_words() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip


def _folder(bench: Bench):
    folder = bench.folder / "speed"
    folder.mkdir()
    (folder / "report.json").write_text("{}")
    return folder
