"""The linear model beside a candidate: always reported with its interval, and a requirement where it is asked for."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from judged import evaluated, first, quality_report
from slmworks import packet
from slmworks.contract import catalog
from slmworks.contract.artifact import Report
from slmworks.contract.errors import BadRequest
from slmworks.contract.linear_model import LINEAR
from slmworks.contract.model_task import Answer
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.testing import Bench

TEACHER, SMALL, LARGE = (digit * 64 for digit in "123")
N = {"validation": 400, "test": 600}


def right(share: float, *, but: int = 0) -> dict[str, list[bool]]:
    """The first rows of both splits are answered right, up to `share`."""
    return {split: first(n, round(n * share), but=but) for split, n in N.items()}


def decide(
    bench: Bench, linear: float, *shares: float, size: int = 1_000_000, **options: Any
) -> dict[str, Any]:
    """The verdict on candidates that answer these shares right, the first one the smallest."""
    teacher = quality_report(bench, TEACHER, right(0.9), trivial={LINEAR: right(linear)})
    reports = [
        quality_report(
            bench, model, right(share), name=f"c{place}", size=size * (place + 1), baseline=teacher
        )
        for place, (model, share) in enumerate(zip((SMALL, LARGE), shares, strict=False))
    ]
    return PairedBootstrap(retention=0.8, **options).run(reports=reports, task=bench.task("gate")).read()


def test_the_difference_is_reported_with_its_interval_and_nothing_is_required(bench: Bench) -> None:
    said = decide(bench, 0.6, 0.85)
    assert said["linear"]["name"] == LINEAR
    assert said["linear"]["n"] == N["test"]
    assert said["linear"]["low"] < said["linear"]["value"] == 0.25 < said["linear"]["high"]
    assert said["linear"]["bound"] > 0.2
    words = said["linear"]["words"]
    assert words.startswith("accuracy against tf-idf + linear: +25.0 (+2")
    assert words.endswith("points, 95 % interval")
    assert "over_linear" not in {check["name"] for check in said["checks"]}
    for shown in (packet.markdown(said), packet.page(said)):
        assert "against tf-idf + linear: +25.0 (+2" in shown


@pytest.mark.parametrize(
    ("linear", "required", "outcome", "words"),
    [
        (
            0.6,
            0.2,
            "passed",
            "better than tf-idf + linear: +25.0 points (95 % lower bound +2",
        ),
        (
            0.6,
            0.3,
            "missed",
            "not at least 30.0 points better than tf-idf + linear: +25.0 points (95 % lower",
        ),
        (
            0.84,
            0.005,
            "inconclusive",
            "not surely at least 0.5 points better than tf-idf + linear: +1.0 points",
        ),
        (0.848, 0.0, "inconclusive", "not surely better than tf-idf + linear: +0.2 points"),
        (0.85, 0.0, "missed", "not better than tf-idf + linear: ±0 points"),
    ],
)
def test_it_is_required_at_the_lower_bound(bench: Bench, linear, required, outcome, words) -> None:
    said = decide(bench, linear, 0.85, over_linear=required)
    (check,) = [check for check in said["checks"] if check["name"] == "over_linear"]
    assert check["outcome"] == outcome
    assert words in check["words"]
    assert said["passed"] == (outcome == "passed")
    assert words in said["sentence"]
    assert ("needs n ≈" in check["words"]) == (outcome == "inconclusive")
    assert "warning: tf-idf" not in said["sentence"]  # the requirement says it already


def test_only_a_candidate_that_beats_it_is_chosen(bench: Bench) -> None:
    assert decide(bench, 0.8, 0.8, 0.88)["chosen"] == "c0"
    other = Bench(bench.folder / "other")
    other.folder.mkdir()
    said = decide(other, 0.8, 0.8, 0.88, over_linear=0.02)
    assert (said["chosen"], said["because"]) == (
        "c1",
        "smallest that on validation surely keeps 80 % and beats the linear model",
    )


def tagger(
    bench: Bench,
    model: str,
    right: dict[str, list[bool]],
    linear: dict[str, list[bool]] | None = None,
    **known: Any,
) -> Report:
    """The report on a model that marks the one entity of every row, or nothing."""
    found = {"start": 0, "end": 3, "label": "PERSON", "score": 1.0, "text": "Ada"}

    def said(ok: dict[str, list[bool]]) -> dict[str, list[Answer]]:
        return {split: [{"entities": [found] * one} for one in ok[split]] for split in N}

    rows = {
        split: [
            {"id": f"{split}-{i}", "text": f"Ada {split} {i}", "source": "web", "entities": [found]}
            for i in range(n)
        ]
        for split, n in N.items()
    }
    trivial = {"linear tagger": said(linear)} if linear else None
    meta = {"labels": ["PERSON"]}
    task = catalog.model_task("token-classification")
    return evaluated(bench, task, model, rows, said(right), trivial=trivial, meta=meta, **known)


def test_a_linear_model_is_known_by_the_name_that_its_model_task_gives_it(bench: Bench) -> None:
    teacher = tagger(bench, TEACHER, right(0.9), right(0.6))
    student = tagger(bench, SMALL, right(0.85), baseline=teacher)
    gate = PairedBootstrap(retention=0.8, over_linear=0.02)
    said = gate.run(reports=[student], task=bench.task("gate")).read()
    assert said["linear"]["words"].startswith("span F1 against linear tagger: +")
    assert "better than linear tagger: +" in said["sentence"]
    assert "warning: linear tagger" not in said["sentence"]
    assert "linear tagger" in packet.markdown(said, brief=True)


def test_where_there_is_no_linear_model_a_line_says_why(bench: Bench) -> None:
    teacher = quality_report(bench, TEACHER, right(0.9), trivial={"majority": right(0.3)})
    report = quality_report(bench, SMALL, right(0.85), baseline=teacher)
    said = PairedBootstrap(retention=0.8).run(reports=[report], task=bench.task("gate"))
    assert said.read()["linear"] == {"name": LINEAR, "absent": "text-classification fits none"}
    for shown in (packet.markdown(said.read()), packet.page(said.read())):
        assert "o linear model (tf-idf + linear) beside it: text-classification fits none" in shown
    with pytest.raises(
        BadRequest, match=r"`over_linear` needs the linear model \(tf-idf \+ linear\), and text-cl"
    ):
        PairedBootstrap(over_linear=0.01).run(reports=[report], task=bench.task("required"))


def test_a_linear_model_that_could_not_be_fitted_is_named_with_the_reason(bench: Bench) -> None:
    teacher = quality_report(bench, TEACHER, right(0.9))
    report = quality_report(bench, SMALL, right(0.85), baseline=teacher)
    with pytest.raises(
        BadRequest, match=r"and the baseline's report has no trivial baselines .*; leave `over_linear`"
    ):
        PairedBootstrap(over_linear=0.01).run(reports=[report], task=bench.task("required"))
    path = teacher.path / "report.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"trivial_left_out": {LINEAR: "empty vocabulary"}}))
    with pytest.raises(
        BadRequest, match=r"and it could not be fitted \(empty vocabulary\); leave `over_linear` out"
    ):
        PairedBootstrap(over_linear=0.01).run(reports=[report], task=bench.task("again"))


@pytest.mark.parametrize("wrong", [97, 1.0])
def test_points_for_a_share_are_refused(bench: Bench, wrong: float) -> None:
    with pytest.raises(BadRequest, match=r"`over_linear` is \d+, but accuracy goes from 0 to 1; two points"):
        decide(bench, 0.6, 0.85, over_linear=wrong)


def test_a_negative_difference_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PairedBootstrap(over_linear=-0.1)
