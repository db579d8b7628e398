"""A judge's report beside the others: shown or required where the recipe says so, and refused where not."""

import tempfile
from pathlib import Path

import pytest

from judged import SMALL, TEACHER
from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import judge_report, verdicts
from slmworks.evaluate.verdicts import Pair
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.packet import page
from slmworks.testing import Bench

JUDGE = "9" * 64
WIN, LOSS, FLIP = ("A", "B"), ("B", "A"), ("A", "A")


def opinion(
    bench: Bench,
    said: list[tuple[str, str]],
    *,
    against: dict[str, str] | None = None,
    data: str = "d" * 64,
    split: str = "test",
    money: float = 0.25,
) -> Report:
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    pairs = [Pair(f"row {place}", *one) for place, one in enumerate(said)]
    outcomes = [one.outcome for one in pairs]
    report = {
        "type": "judge",
        "name": "gguf",
        "judge": {"name": "<b>big</b>", "digest": JUDGE},
        "against": against or {"name": "hf", "digest": TEACHER},
        "criteria": "It is short.",
        "split": split,
        "n": len(pairs),
        **{name: outcomes.count(one) for name, one in
           (("wins", "win"), ("ties", "tie"), ("losses", "loss"), ("unread", "unread"))},
        "win_rate": verdicts.win_rate(pairs).estimate.rounded(),
        "position_bias": verdicts.bias(pairs),
        "agreement": {"measure": "exact_match", "n": 9, "agree": 7, "ties": 1, "value": 0.777778, "low": 0.45, "high": 0.93},
        "cost": {"prompt_tokens": 12_345, "tokens": 678, "seconds": 90.0, "money": money},
        "examples": {"win": [{"id": "a", "text": "2 + 2?", "truth": "4", "ours": "4", "theirs": "5"}], "loss": []},
    }  # fmt: skip
    judge_report.write(folder, report, pairs)
    refs = {"model": SMALL, "data": data, "judge": JUDGE}
    return bench.keep(Report(path=folder, meta={"type": "judge"}, refs=refs))


def decide(bench: Bench, reports: list[Report], name: str = "gate", **options):
    return PairedBootstrap(retention=0.9, **options).run(reports=reports, task=bench.task(name))


def check(verdict) -> dict:
    (found,) = [one for one in verdict.read()["checks"] if one["name"] == "win_rate"]
    return dict(found)


def test_an_opinion_that_nobody_asked_for_is_refused(bench, student):
    with pytest.raises(BadRequest) as caught:
        decide(bench, [student, opinion(bench, [WIN] * 30)])
    assert str(caught.value) == (
        "the gate has a judge's report, and an opinion counts only where the recipe says so; set `win_rate` (0.45, "
        "or 0 to show it only), or leave that step out of its reports."
    )


def test_a_judge_alone_is_no_gate(bench):
    with pytest.raises(BadRequest, match="no report compares a model with a baseline"):
        decide(bench, [opinion(bench, [WIN] * 30)], win_rate=0.4)


def test_a_win_rate_is_required_only_of_those_who_have_a_judge(bench, student):
    with pytest.raises(BadRequest, match="asks for a win rate, but hf has no judge's report"):
        decide(bench, [student], win_rate=0.4)


@pytest.mark.parametrize(
    ("said", "passed", "outcome"),
    [
        ([WIN] * 60 + [LOSS] * 40, True, "passed"),
        ([FLIP] * 100, True, "passed"),
        ([WIN] * 9 + [LOSS] * 9, False, "inconclusive"),
        ([WIN] * 20 + [LOSS] * 80, False, "missed"),
    ],
)
def test_the_lower_bound_of_the_win_rate_decides(bench, student, said, passed, outcome):
    verdict = decide(bench, [student, opinion(bench, said)], win_rate=0.45)
    assert (verdict.passed, check(verdict)["outcome"]) == (passed, outcome)


def test_the_sentence_names_judge_rival_and_bound(bench, student):
    verdict = decide(bench, [student, opinion(bench, [WIN] * 9 + [LOSS] * 9)], win_rate=0.45)
    assert check(verdict)["words"].startswith(
        "the judge <b>big</b> gives it 50.0 % against hf, but not for sure (95 % lower bound 29.1 % < 45 %, n = 18)"
    )
    assert verdict.read()["sentence"].startswith("inconclusive: the judge")


def test_a_win_rate_of_0_is_shown_and_refuses_nothing(bench, student):
    verdict = decide(bench, [student, opinion(bench, [LOSS] * 50)], win_rate=0)
    assert verdict.passed
    assert check(verdict)["measured"] == 0.0


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"data": "e" * 64}, "a judge saw other rows than the gate decides on"),
        ({"split": "validation"}, "a judge saw other rows than the gate decides on"),
        (
            {"against": {"name": "q8_0", "digest": "7" * 64}},
            "a judge compared with q8_0, which is not the model",
        ),
    ],
)
def test_an_opinion_on_other_things_is_refused(bench, student, changed, line):
    with pytest.raises(BadRequest, match=line):
        decide(bench, [student, opinion(bench, [WIN] * 30, **changed)], win_rate=0.4)


def test_true_answers_are_a_rival_too(bench, student):
    report = opinion(bench, [LOSS] * 20 + [FLIP] * 20, against={"name": "the true answers"})
    assert "against the true answers" in check(decide(bench, [student, report], win_rate=0.2))["words"]


def test_the_page_says_what_the_judge_said_how_far_to_trust_it_and_what_it_cost(bench, teacher, student):
    report = opinion(bench, [WIN] * 10 + [FLIP] * 10)
    verdict = decide(bench, [student, report], win_rate=0)
    found = page(verdict.read(), [student, teacher, report])
    for words in (
        "What the judge &lt;b&gt;big&lt;/b&gt; says",
        "75.0 % (",
        "It is short.",
        "Place: in 50.0 % (",
        "Agreement: of 9 rows where exactly one answer is right (exact match), the judge prefers it in 77.8 %",
        "What it cost: 12,345 tokens read, 678 written, 90.0 s, 0.25 in the currency of its prices.",
        "2 + 2?",
    ):
        assert words in found
    assert "<b>big</b>" not in found
    assert "What the judge" not in page(verdict.read(), [student, teacher])
