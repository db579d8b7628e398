"""What the teacher cost, on the reviewer's page."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from judged import first, quality_report, speed_report
from slmworks.contract.ledger import Cost, Entry
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.ledger.in_store import About, open_ledger
from slmworks.lineage import lineage_of, render
from slmworks.lineage.ledgers import Listed, Used
from slmworks.packet.gather import packet
from slmworks.packet.sources import Background
from slmworks.packet.teaching import cost
from slmworks.store import open_store
from slmworks.testing import Bench
from stories import Story

TEACHER = "a" * 64
USE = Used("run-1", "student", "token-kd", TEACHER, 10, 1000, 10, Cost(tokens=1000), "2026")
LISTED = Listed(
    identity="c" * 64,
    kind="answers",
    teacher="<big> v2",
    teachers=frozenset({TEACHER}),
    created="2026",
    rows=10,
    tokens=1000,
    size=1,
    cost=Cost(tokens=1000, seconds=90, cpu_seconds=180, joules=4200),
    uses=(USE, replace(USE, task="other", rows_added=0, cost=Cost())),
    damaged=(),
)
SPEED = {"baseline": {"cpu_ms": 20.0}, "model": {"cpu_ms": 2.0}}


def shown(one: Listed, speed: object = SPEED, baseline: tuple[str, ...] = (TEACHER,)) -> str:
    html = cost(Background(ledgers=[one], baseline=baseline), speed)  # type: ignore[arg-type]
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_a_line_says_what_it_took_and_what_each_student_had_to_pay() -> None:
    assert "&lt;big&gt; v2 answers 10 1,000 1.5 min 3.0 min 4.2 kJ — 2 tasks 45.0 s" in shown(LISTED)


def test_break_even_is_computed_from_what_was_measured() -> None:
    assert (
        "its 3.0 min of all cores are paid back after 10,000 requests, shared by 2 tasks after 5,000 "
        "(20.0 ms of all cores an answer against 2.0 ms)."
    ) in shown(LISTED)
    alone = shown(replace(LISTED, uses=(USE,)))
    assert "after 10,000 requests (20.0 ms" in alone


@pytest.mark.parametrize(
    ("speed", "baseline", "words"),
    [
        (
            SPEED,
            ("b" * 64,),
            "is not known: no speed report measured &lt;big&gt; v2 beside the chosen model.",
        ),
        (None, (), "is not known: no speed report measured"),
        ({"baseline": {}, "model": {}}, (TEACHER,), "is not known: the speed report does not say"),
        ({**SPEED, "model": {"cpu_ms": 20.0}}, (TEACHER,), "never paid back in computing time"),
    ],
)
def test_what_is_not_known_is_not_invented(speed: object, baseline: tuple[str, ...], words: str) -> None:
    text = shown(LISTED, speed, baseline)
    assert words in text
    assert "paid back after" not in text


def test_money_is_paid_back_at_the_earliest_when_as_many_answers_were_asked_for() -> None:
    hosted = shown(replace(LISTED, cost=Cost(tokens=1000, seconds=9, money=0.5)), None, ())
    assert "charged 0.5, 0.05 an answer on average: paid back after 10 requests at the earliest." in hosted
    assert "2 tasks 0.25" in hosted
    assert "computing time" not in hosted


def test_without_a_teacher_there_is_no_such_part() -> None:
    assert cost(Background(), SPEED) == ""


def test_a_ledger_that_was_removed_is_said() -> None:
    text = shown(replace(LISTED, kind="", cost=Cost(), uses=(), rows=0))
    assert "ledger cccccccccccc is no longer there" in text


def test_the_page_finds_the_ledgers_behind_the_chosen_model(bench: Bench, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    story = Story(store, tmp_path / "story")
    teacher = story.task("teacher", "finetune sft", story.weights("t"))
    about = About("logprobs", teacher.digest, {"k": 16}, 1)
    taken = {"logprobs": about.identity}
    student = story.task("student", "distill token-kd", story.weights("s"), teacher="teacher", ledgers=taken)
    int8 = story.task("int8", "export onnx", story.weights("int8"), model="student")
    for task in ("student", "wider"):
        user = {"run": "run-1", "task": task, "plugin": "token-kd", "teacher": teacher.digest}
        with open_ledger(store, about, user, say=print, waiting=lambda: None) as held:
            held.add("f" * 64, Entry({"ids": b"12"}, 7), Cost(tokens=7, cpu_seconds=61.2))
    rows = {"validation": first(90, 72), "test": first(120, 96)}
    on_teacher = quality_report(bench, teacher.digest, rows)
    reports = [
        quality_report(bench, int8.digest, rows, baseline=on_teacher),
        speed_report(bench, int8.digest, on_teacher),
    ]
    verdict = PairedBootstrap(retention=0.5).run(reports=reports, task=bench.task("gate"))
    for number, report in enumerate([on_teacher, *reports]):
        story.task(f"report-{number}", "evaluate it", replace(report, digest=""))
    _, page = packet(store, story.task("gate", "gate paired-bootstrap", verdict).digest)
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert f"finetune sft {teacher.digest[:12]} logprobs k=16 1 7 — 2.0 min — — 2 tasks" in text
    assert "are paid back after 16,000 requests, shared by 2 tasks after 8,000 (9." in text
    assert f"logprobs of ledger {about.identity[:12]}" in render(lineage_of(store, student.digest))
