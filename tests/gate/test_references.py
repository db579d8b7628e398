"""References: what a candidate must surely beat, and what is never chosen."""

import re
from dataclasses import replace
from typing import Any

import pytest

from judged import first, quality_report, speed_report
from slmworks import packet
from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.stage import ports
from slmworks.gate import Gate
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.testing import Bench

TEACHER, TUNED, FEW, ZERO = (digit * 64 for digit in "1234")
N = {"validation": 200, "test": 300}


def right(share: float, *, but: int = 0) -> dict[str, list[bool]]:
    """The first rows of both splits are answered right, up to `share`."""
    return {split: first(n, round(n * share), but=but) for split, n in N.items()}


@pytest.fixture
def teacher(bench: Bench) -> Report:
    return quality_report(bench, TEACHER, right(0.8), trivial={"nearest": right(0.5), "rule": right(0.3)})


class Judge:
    """Reports on models, and the gate's verdict on them."""

    def __init__(self, bench: Bench, teacher: Report) -> None:
        self.bench, self.teacher, self.number = bench, teacher, 0

    def of(self, model: str, share: float, *, but: int = 0, **known: Any) -> Report:
        known.setdefault("baseline", self.teacher)
        return quality_report(self.bench, model, right(share, but=but), **known)

    def decide(
        self, *reports: Report, references: list[Report] | None = None, **options: Any
    ) -> dict[str, Any]:
        self.number += 1
        task = self.bench.task(f"gate-{self.number}")
        gate = PairedBootstrap(retention=0.9, **options)
        self.verdict = gate.run(reports=reports, champion=None, references=references, task=task)
        return self.verdict.read()


@pytest.fixture
def judge(bench: Bench, teacher: Report) -> Judge:
    return Judge(bench, teacher)


def test_the_port_takes_several_or_none() -> None:
    port = ports(Gate)["references"]
    assert (port.kind, port.many, port.optional) == (Report, True, True)


def test_models_are_called_like_the_steps_that_made_them(bench: Bench, judge: Judge) -> None:
    tuned, other = judge.of(TUNED, 0.79, name="onnx"), judge.of(ZERO, 0.7, name="onnx")
    few = judge.of(FEW, 0.6, name="gguf (3-shot + schema)")
    names = {TUNED: "small_cut.keep=3", FEW: "few_shot"}
    task = replace(bench.task("named"), names=names)
    said = PairedBootstrap(retention=0.9).run(reports=[tuned, other], references=[few], task=task).read()
    assert said["chosen"] == "small_cut.keep=3"
    called = {row["role"]: row["name"] for row in said["rows"] if row.get("model") in names}
    assert called == {"candidate": "small_cut.keep=3", "reference": "few_shot"}
    assert "onnx" in {row["name"] for row in said["rows"]}  # nobody says which step made it


def test_a_candidate_that_beats_each_reference_passes_in_words_table_and_page(judge: Judge) -> None:
    tuned = judge.of(TUNED, 0.79, name="gguf")
    few = judge.of(FEW, 0.6, name="gguf (3-shot + schema)")
    zero = judge.of(ZERO, 0.1, name="gguf (zero-shot)", baseline=None)
    said = judge.decide(tuned, references=[few, zero])
    assert said["passed"]
    assert (
        "; better than all 4 references, the best of them gguf (3-shot + schema): +19.0 points "
        "(95 % lower bound +1"
    ) in said["sentence"]
    assert "zero-shot" not in said["sentence"]
    assert said["sentence"].count("better than") == 1
    assert [(row["role"], row["name"]) for row in said["rows"]] == [
        ("teacher", "teacher"),
        ("candidate", "gguf"),
        ("reference", "gguf (3-shot + schema)"),
        ("reference", "gguf (zero-shot)"),
        ("trivial", "nearest"),
        ("trivial", "rule"),
    ]
    checks = [one for one in said["checks"] if one["name"] == "reference"]
    assert [one["outcome"] for one in checks] == ["passed"] * 4
    assert said["because"] == "smallest that on validation surely keeps 90 % and beats every reference"
    assert {judge.verdict.refs[f"reference.{number}"] for number in (0, 1)} == {few.digest, zero.digest}
    page = " ".join(re.sub(r"<[^>]*>", " ", packet.page(said, [tuned, judge.teacher])).split())
    assert "change of accuracy against gguf (3-shot + schema) above 0 +19.0 points" in page
    assert "gguf (zero-shot) 0.100" in page


def test_a_reference_that_is_as_good_refuses_and_is_never_chosen(judge: Judge) -> None:
    tuned, few = judge.of(TUNED, 0.79), judge.of(FEW, 0.8, name="few", size=10)
    said = judge.decide(tuned, few, references=[few])
    assert not said["passed"]
    assert judge.verdict.refs["model"] == TUNED
    assert said["sentence"].startswith("refused: not better than few: −1.0 points")
    assert said["because"] == "best on validation, where none surely keeps 90 % and beats every reference"
    assert judge.decide(tuned, few)["chosen"] == "few"  # as a candidate it would have been


def test_better_but_not_for_sure_is_inconclusive(judge: Judge) -> None:
    # 36 rows won, 30 lost
    said = judge.decide(judge.of(TUNED, 0.8, but=30), references=[judge.of(FEW, 0.68, name="few")])
    assert not said["passed"]
    assert re.search(
        r"better than few, but not for sure: \+2\.0 points \(95 % lower bound −\d\.\d points, n = 300\): needs n ≈ ",
        said["sentence"],
    )


def test_of_two_candidates_the_one_that_beats_the_reference_is_chosen(judge: Judge) -> None:
    small, large = judge.of(TUNED, 0.78, size=10, name="small"), judge.of(ZERO, 0.85, size=99, name="large")
    few = judge.of(FEW, 0.78, name="few")
    assert judge.decide(small, large)["chosen"] == "small"
    said = judge.decide(small, large, references=[few])
    assert said["passed"]
    assert said["chosen"] == "large"


def test_two_models_of_one_name_are_told_apart(judge: Judge) -> None:
    said = judge.decide(judge.of(TUNED, 0.79, name="gguf"), references=[judge.of(FEW, 0.1, name="gguf")])
    assert [row["name"] for row in said["rows"]][1:3] == ["gguf", f"gguf {FEW[:6]}"]


def test_the_baseline_can_be_a_reference_and_has_one_row(judge: Judge) -> None:
    said = judge.decide(judge.of(TUNED, 0.9), references=[judge.teacher])
    assert said["passed"]
    assert [row["role"] for row in said["rows"]] == ["teacher", "candidate", "trivial", "trivial"]


def test_trivial_baselines_are_a_warning_and_beside_references_a_condition(bench: Bench) -> None:
    judge = Judge(bench, quality_report(bench, TEACHER, right(0.8), trivial={"rule": right(0.78)}))
    tuned, few = judge.of(TUNED, 0.78), judge.of(FEW, 0.2, name="few")
    said = judge.decide(tuned)
    assert said["passed"]
    assert "warning: rule is as good (0.780 against 0.780)" in said["sentence"]
    said = judge.decide(tuned, references=[few])
    assert not said["passed"]
    assert said["sentence"].startswith("refused: not better than rule: ")
    assert "better than few: +58.0 points" in said["sentence"]
    further = judge.decide(tuned, references=[few, judge.of(ZERO, 0.3, name="zero")])["sentence"]
    assert further.startswith("refused: not better than rule: ")
    assert "; better than 2 of 3 references, the best of them zero: +48.0 points" in further
    assert "warning" not in said["sentence"]
    assert judge.decide(judge.of(ZERO, 0.9), references=[few])["passed"]


def test_without_references_a_verdict_is_what_it_was(judge: Judge) -> None:
    said = judge.decide(judge.of(TUNED, 0.79))
    assert {one["name"] for one in said["checks"]} == {"retention", "smaller"}
    assert not any(role.startswith("reference") for role in judge.verdict.refs)


def test_what_is_no_reference_is_refused_in_a_line(judge: Judge, bench: Bench) -> None:
    tuned = judge.of(TUNED, 0.79)
    with pytest.raises(BadRequest, match="a reference is a report of type speed; give `references` steps"):
        judge.decide(tuned, references=[speed_report(bench, FEW, judge.teacher)])
    with pytest.raises(BadRequest, match="measured on different data"):
        judge.decide(tuned, references=[judge.of(FEW, 0.5, data="f" * 64, baseline=None)])
    with pytest.raises(BadRequest, match="every model among the gate's reports is a reference too"):
        judge.decide(tuned, references=[tuned])
