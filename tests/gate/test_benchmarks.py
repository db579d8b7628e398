"""Benchmarks of others in the gate: the interval's end decides, and the reviewer's page shows them."""

from typing import Any

import pytest

from judged import SMALL, TEACHER
from slmworks.contract import catalog
from slmworks.contract.artifact import Model, Report, Verdict
from slmworks.contract.errors import BadRequest
from slmworks.evaluate import benchmark_report
from slmworks.evaluate.benchmark_report import BenchmarkReport
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.numbers.statistics import wilson
from slmworks.packet import page
from slmworks.testing import Bench


def share(right: int, n: int) -> dict[str, Any]:
    return {**wilson(right, n).rounded(), "n": n}


def benched(
    bench: Bench, model: str = SMALL, *, shots: int = 0, prompts: str = "text", probes: str = "a" * 64,
    **measures: Any,
) -> Report:  # fmt: skip
    task = bench.task(f"benchmark-{len(bench.known)}")
    report = benchmark_report.write(
        task.output,
        purpose=catalog.model_task("text-classification"),
        model=Model(path=task.scratch, digest=model, meta={}),
        tasks={"colours": {"shots": shots, "measures": measures}},
        said={"harness": "0.4.13", "prompts": prompts},
        refs={"probes": probes},
    )
    return bench.keep(report)


def decide(bench: Bench, reports: list[Report], **minimum: float) -> Verdict:
    named = {name.replace("__", "."): least for name, least in minimum.items()}
    task = bench.task(f"gate-{len(list(bench.folder.iterdir()))}")
    return PairedBootstrap(retention=0.9, minimum=named).run(reports=reports, task=task)


@pytest.mark.parametrize(
    ("measure", "outcome", "words"),
    [
        (share(90, 100), "passed", "colours.acc 0.900 (95 % interval 0.826 to 0.945, n = 100)"),
        (share(82, 100), "inconclusive", ", not surely at least 0.8: give the task more rows"),
        (share(70, 100), "missed", ", at least 0.8 required"),
        ({"value": 0.81}, "passed", "colours.acc 0.810"),
        ({"value": 0.9, "low": 0.7, "high": 0.95, "n": 9, "higher_is_better": False}, "missed", ", at most 0.8 required"),
        ({"value": 0.7, "low": 0.6, "high": 0.9, "n": 9, "higher_is_better": False}, "inconclusive", "at most 0.8"),
    ],
)  # fmt: skip
def test_a_least_value_is_decided_by_the_end_of_the_interval(bench, student, measure, outcome, words) -> None:
    verdict = decide(bench, [student, benched(bench, acc=measure)], colours__acc=0.8)
    (found,) = [one for one in verdict.read()["checks"] if one["name"] == "colours.acc"]
    assert (verdict.passed, found["outcome"]) == (outcome == "passed", outcome)
    assert words in found["words"]


def test_a_benchmark_without_a_least_value_refuses_nothing_and_an_unknown_one_is_named(
    bench, student
) -> None:
    other = benched(bench, TEACHER, acc=share(9, 10))
    assert decide(bench, [student, benched(bench, acc=share(0, 100)), other]).passed
    with pytest.raises(BadRequest, match=r"names 'colours\.ac', .* Did you mean 'colours\.acc'\?"):
        decide(bench, [student, benched(bench, acc=share(1, 2))], colours__ac=0.1)
    with pytest.raises(BadRequest, match=r"names 'colours\.acc', which the report on hf does not have"):
        decide(bench, [student, other], colours__acc=0.1)  # that of another model


def test_two_reports_on_one_task_are_called_by_their_shots(bench, student) -> None:
    reports = [student, benched(bench, acc=share(1, 100)), benched(bench, shots=5, acc=share(99, 100))]
    with pytest.raises(BadRequest, match=r"Did you mean 'colours\.acc \([05] shots\)'"):
        decide(bench, reports, colours__acc=0.5)
    named = {"colours.acc (5 shots)": 0.5}
    assert PairedBootstrap(retention=0.9, minimum=named).run(reports=reports, task=bench.task("five")).passed


@pytest.mark.parametrize(
    ("other", "title"),
    [
        ({"prompts": "chat"}, "colours.acc (0 shots, chat)"),
        ({"probes": "b" * 64}, "colours.acc (0 shots, text, n = 100, bbbbbb)"),
        ({"acc": share(99, 101)}, "colours.acc (0 shots, text, n = 101)"),
    ],
)
def test_two_reports_with_as_many_shots_can_be_named(bench, student, other, title) -> None:
    second = benched(bench, **{"acc": share(99, 100), **other})
    reports = [student, benched(bench, acc=share(1, 100)), second]
    gate = PairedBootstrap(retention=0.9, minimum={title: 0.5})
    assert gate.run(reports=reports, task=bench.task("named")).passed


@pytest.mark.parametrize(
    "other", [{"shots": 5}, {"prompts": "chat"}, {"probes": "b" * 64}, {"acc": share(50, 77)}]
)
def test_a_teacher_that_was_asked_otherwise_stands_beside_nothing(bench, student, teacher, other) -> None:
    theirs = benched(bench, TEACHER, **{"acc": share(95, 100), **other})
    reports = [student, benched(bench, acc=share(90, 100)), theirs]
    shown = page(decide(bench, reports).read(), [*reports, teacher])
    section = shown[shown.index("<h2>Benchmarks</h2>") :]
    line = section[section.index("colours.acc") : section.index("</tr>", section.index("colours.acc"))]
    assert "0.900 (0.826–0.945)" in line
    assert "—" in line.replace("0.900 (0.826–0.945)", "")
    assert next(iter(BenchmarkReport(theirs).results.values())).written not in shown


def test_a_teacher_that_was_asked_the_same_and_more_is_found(bench, student, teacher) -> None:
    reports = [
        student, benched(bench, acc=share(90, 100)), benched(bench, TEACHER, acc=share(95, 100)),
        benched(bench, TEACHER, shots=5, acc=share(99, 100)),
    ]  # fmt: skip
    shown = page(decide(bench, reports).read(), [*reports, teacher])
    assert "0.950 (0.888–0.978)" in shown


def test_the_page_shows_them_beside_the_teacher(bench, student, teacher) -> None:
    reports = [student, benched(bench, acc=share(90, 100), f1={"value": 0.25}), benched(bench, TEACHER, acc=share(95, 100))]  # fmt: skip
    verdict = decide(bench, reports, colours__acc=0.8)
    shown = page(verdict.read(), [*reports, teacher])
    assert "<h2>Benchmarks</h2>" in shown
    for said in ("colours.acc", "0.900 (0.826–0.945)", "0.950 (0.888–0.978)", "colours.f1", "0.250"):
        assert said in shown
    others = [student, benched(bench, acc=share(90, 100)), benched(bench, TEACHER, shots=5, acc=share(95, 100))]  # fmt: skip
    shown = page(verdict.read(), [*others, teacher])
    assert "0.900 (0.826–0.945)" in shown
    assert "0.950 (0.888–0.978)" not in shown  # of five shots: nothing to set beside none
    assert "<h2>Benchmarks</h2>" not in page(decide(bench, [student]).read(), [student, teacher])
