"""What a report says of a model's scope, and that it says nothing where nothing is known."""

import json

import pytest

from releases import word_counter
from scoped import questions, scoped
from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest
from slmworks.evaluate.quality import Quality
from slmworks.evaluate.quality_report import QualityReport
from slmworks.evaluate.scope import Outside, ScopeJudge
from slmworks.gate.candidates import Candidate
from slmworks.gate.checks import check_minimum
from slmworks.gate.limits import check_limits
from slmworks.packet import scope as page


@pytest.fixture
def judge(bench):
    def run(name, model, data, **options):
        report = Quality(resamples=200, **options).run(
            model=model, baseline=None, data=data, task=bench.task(name)
        )
        return QualityReport(bench.keep(report))

    return run


def test_a_shipped_threshold_is_judged_on_test(tmp_path, judge) -> None:
    data = questions(tmp_path / "questions")
    report = judge("quality", scoped(tmp_path / "model", data=data), data)
    found = report.measures("test")
    area = found["out_of_scope_auroc"]
    assert 0.9 < area["low"] < area["value"] < area["high"] < 1.0
    assert found["out_of_scope_recall"]["value"] == 1.0
    assert found["in_scope_recall"]["value"] >= 0.9
    assert report.limits("test")["out_of_scope_answered"] == 0.0
    said = report.split("test")["details"]["scope"]
    assert (said["score"], said["chosen"], said["out_of_scope"]) == ("energy", "shipped", 40)
    assert said["curve"][0]["kept"] == 1.0
    assert said["curve"][-1]["declined"]["value"] == 1.0
    assert all(point["accuracy"]["value"] == 1.0 for point in said["curve"])
    assert report.report.summary["out_of_scope_recall"] == 1.0


def test_a_model_without_a_threshold_is_judged_by_its_confidence(tmp_path, judge) -> None:
    report = judge("quality", word_counter(tmp_path / "model"), questions(tmp_path / "questions"))
    said = report.split("test")["details"]["scope"]
    assert (said["score"], said["chosen"]) == ("confidence", "validation")
    assert report.measures("test")["out_of_scope_recall"]["value"] > 0.5
    alone = judge("test", word_counter(tmp_path / "again"), questions(tmp_path / "more"), splits=("test",))
    assert "threshold" not in alone.split("test")["details"]["scope"]  # nothing to choose it on
    assert "out_of_scope_recall" not in alone.measures("test")


def test_without_threshold_and_such_rows_a_report_is_what_it_was(tmp_path, judge) -> None:
    report = judge("quality", word_counter(tmp_path / "model"), questions(tmp_path / "questions", outside=0))
    assert set(report.measures("test")) == {"accuracy", "macro_f1"}
    assert "scope" not in json.dumps(report.content)


def test_without_such_rows_a_threshold_is_judged_by_what_it_declines(tmp_path, judge) -> None:
    data = questions(tmp_path / "questions", outside=0)
    report = judge("quality", scoped(tmp_path / "model", data=data), data)
    assert set(report.measures("test")) == {"accuracy", "macro_f1", "in_scope_recall"}


def test_a_gate_can_require_it_either_way(tmp_path, judge) -> None:
    data = questions(tmp_path / "questions")
    report = judge("quality", scoped(tmp_path / "model", data=data), data)
    least = check_minimum(report, "out_of_scope_recall", 0.8)
    assert (least.passed, least.title) == (True, "out-of-scope questions declined, at least")
    (most,) = check_limits(Candidate("int8", report, report, None), {"out_of_scope_answered": 0.2})
    assert most.passed
    plain = judge("plain", word_counter(tmp_path / "word"), questions(tmp_path / "none", outside=0))
    with pytest.raises(BadRequest, match="`minimum` names 'out_of_scope_recall', which the report on onnx"):
        check_minimum(plain, "out_of_scope_recall", 0.8)


def test_the_page_shows_the_threshold_and_who_is_on_the_wrong_side(tmp_path, judge) -> None:
    data = questions(tmp_path / "questions")
    report = judge("quality", scoped(tmp_path / "model", data=data, in_scope_recall=0.6), data)
    html = page.section(report.split("test"), None, "accuracy")
    assert "What is out of its scope" in html
    assert "40 out-of-scope rows" in html
    assert "in scope, and declined" in html
    plain = judge("plain", word_counter(tmp_path / "word"), questions(tmp_path / "none", outside=0))
    assert page.section(plain.split("test"), None, "accuracy") == ""


@pytest.mark.parametrize(("name", "auroc"), [("rouge_l", 1.0), ("exact_match", 0.5), ("perplexity", None)])
def test_right_answers_are_those_of_the_deciding_measure(name, auroc) -> None:
    """The surest answers have most of the true words; the one that is the truth to the letter is less sure."""
    purpose = catalog.model_task("text-generation")
    rows = [{"messages": [], "completion": truth} for truth in ("one two three four", "yes", "a b c d")]
    texts, sure = ("one two three five", "yes", "x y z d"), (0.9, 0.7, 0.6)
    likely = {"nll": 1.0, "tokens": 2}
    answers = [
        {"text": text, "finish": "stop", "tokens": 4, "likelihood": likely, "scope_score": score}
        for text, score in zip(texts, sure, strict=True)
    ]
    scope = ScopeJudge(purpose, "mean-logprob", 0.0, "shipped", Outside(), purpose.measure(name))
    found = scope.details("test", rows, answers, resamples=20, seed=0).measures.get("wrong_answer_auroc")
    assert (found and found.value) == auroc
