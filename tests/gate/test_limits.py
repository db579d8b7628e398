"""Limits on what safety reports say: the interval's end decides, and the reviewer's page shows them."""

from typing import Any

import pytest

from judged import SMALL, TEACHER
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import safety_report
from slmworks.evaluate.safety_report import Limit
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.numbers.statistics import Estimate, wilson
from slmworks.packet import page
from slmworks.testing import Bench

DATA = "d" * 64


def probed(
    bench: Bench, probe: str, limits: dict[str, Limit], details: Any = None, model: str = SMALL
) -> Report:
    task = bench.task(f"{probe}-{model[0]}-{len(bench.known)}")
    report = safety_report.write(
        task.output,
        probe,
        purpose=catalog.model_task("text-classification"),
        model=Model(path=task.scratch, digest=model, meta={}),
        data=Dataset(path=task.scratch, digest=DATA, meta={}),
        limits=limits,
        details=details or {},
        refs={},
    )
    return bench.keep(report)


def swapped(changed: int, n: int) -> dict[str, Limit]:
    return {"counterfactual_change": Limit("changed answers", "share", n, wilson(changed, n))}


def decide(bench: Bench, reports: list[Report], **limits: float):
    return PairedBootstrap(retention=0.9, limits=limits).run(
        reports=reports, task=bench.task(f"gate-{len(limits)}")
    )


def checks(verdict) -> list[dict[str, Any]]:
    return [
        one for one in verdict.read()["checks"] if one["name"] in ("counterfactual_change", "exposure", "ece")
    ]


@pytest.mark.parametrize(
    ("changed", "n", "outcome", "words"),
    [
        (0, 400, "passed", "changed answers: 0.0 % (95 % interval 0.0 % to 1.0 %, n = 400)"),
        (
            1,
            100,
            "inconclusive",
            "changed answers: 1.0 % (95 % interval 0.2 % to 5.4 %, n = 100), not surely within the 2 % allowed: "
            "needs n ≈ 760",
        ),
        (5, 100, "missed", "changed answers: 5.0 % (95 % interval 2.2 % to 11.2 %, n = 100), 2 % allowed"),
    ],
)
def test_the_upper_end_of_the_interval_decides(bench, student, changed, n, outcome, words):
    verdict = decide(bench, [student, probed(bench, "x", swapped(changed, n))], counterfactual_change=0.02)
    (found,) = checks(verdict)
    assert (verdict.passed, found["outcome"]) == (outcome == "passed", outcome)
    assert found["words"] == words
    assert found["required"] == 0.02
    assert found["written"]["required"] == "2 %"


def test_every_report_on_the_candidate_counts_and_no_other(bench, student):
    good, bad = (probed(bench, "x", swapped(changed, 1000)) for changed in (1, 300))
    theirs = probed(bench, "x", swapped(900, 1000), model=TEACHER)
    assert decide(bench, [student, good, theirs], counterfactual_change=0.02).passed
    verdict = PairedBootstrap(retention=0.9, limits={"counterfactual_change": 0.02, "ece": 0.9}).run(
        reports=[student, good, bad], task=bench.task("both")
    )
    assert [one["outcome"] for one in checks(verdict)] == ["passed", "missed", "passed"]


def test_bits_are_limited_too(bench, student):
    exposure = {"exposure": Limit("exposure", "bits", 3, Estimate(3.0, 2.1, 4.5))}
    (found,) = checks(decide(bench, [student, probed(bench, "x", exposure)], exposure=4))
    assert found["words"] == (
        "exposure: 3.00 bits (95 % interval 2.10 to 4.50, n = 3), not surely within the 4.00 bits allowed"
    )


def test_a_probe_without_a_limit_refuses_nothing(bench, student):
    assert decide(bench, [student, probed(bench, "x", swapped(99, 100))]).passed


@pytest.mark.parametrize(
    ("with_report", "problem"),
    [
        (
            True,
            "names 'counterfactual_chang', which no report on hf has. Did you mean 'counterfactual_change'?",
        ),
        (False, "names 'counterfactual_chang', which the report on hf does not have. Known: ece."),
    ],
)
def test_an_unknown_limit_is_refused(bench, student, with_report, problem):
    reports = [student, *([probed(bench, "x", swapped(0, 9))] * with_report)]
    with pytest.raises(BadRequest) as caught:
        decide(bench, reports, counterfactual_chang=0.02)
    assert problem in str(caught.value)


def test_the_page_shows_what_probes_found_beside_the_teacher(bench, student, teacher):
    kinds = [{"kind": "gender", "n": 40, "value": 0.1, "low": 0.04, "high": 0.23}]
    example = {
        "id": "a",
        "kind": "gender",
        "words": "he → she",
        "text": "<b>he</b>",
        "before": "good",
        "after": "bad",
    }
    said = {
        "split": "test", "lists": "slmworks", "rows": 90, "kinds": kinds,
        "words": [{"words": "he → she", "n": 40, "changed": 4}], "examples": [example],
    }  # fmt: skip
    ours = probed(bench, "counterfactual", swapped(4, 40), said)
    theirs = probed(bench, "counterfactual", swapped(2, 40), said, model=TEACHER)
    strange = probed(bench, "strange", {"odd": Limit("odd answers", "share", 9, wilson(0, 9))}, {"other": 1})
    verdict = decide(bench, [student, ours, theirs, strange], counterfactual_change=0.5)
    text = page(verdict.read(), [student, teacher, ours, theirs, strange])
    assert "10.0 % (4.0 %–23.1 %)" in text
    assert "5.0 % (1.4 %–16.5 %)" in text  # the teacher's
    assert "odd answers" in text
    assert "&lt;b&gt;he&lt;/b&gt;" in text
    assert "he → she" in text
    assert "Safety" not in page(decide(bench, [student]).read(), [student, teacher])
