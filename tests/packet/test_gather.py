"""The reviewer's packet, found in a store by the verdict's digest."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judged import LABELS, first, quality_report, row, speed_report
from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset, Selection
from slmworks.contract.errors import BadRequest
from slmworks.gate.paired_bootstrap import PairedBootstrap
from slmworks.packet.gather import packet
from slmworks.store import open_store
from stories import Story

N = {"validation": 90, "test": 120}


@pytest.fixture
def decided(bench, tmp_path, request):
    """A store with data, reports and a verdict on a student that loses and gains a few rows; by its `card.json`."""
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist([row("test", i) for i in range(N["test"])]), folder / "test.parquet")
    (folder / "card.json").write_text(getattr(request, "param", "{}"))
    data = bench.keep(Dataset(path=folder, meta={"task": "classification", "labels": LABELS}))

    def judge(model, *, but=0, **known):
        right = {split: first(n, int(0.8 * n) + but, but=but) for split, n in N.items()}
        return quality_report(bench, model * 64, right, data=data.digest, **known)

    teacher = judge("1")
    student = judge("2", but=2, baseline=teacher)
    verdict = PairedBootstrap().run(reports=[student], task=bench.task("gate"))
    store = open_store(str(tmp_path / "store"))
    story = Story(store, tmp_path / "story")
    made = {"curate text": data, "evaluate quality": teacher, "evaluate other": student}
    for number, (what, artifact) in enumerate(made.items()):
        story.task(f"step-{number}", what, replace(artifact, digest=""))
    return store, story.task("gate", "gate paired-bootstrap", verdict).digest


def test_examples_show_the_inputs_of_the_data(decided):
    markdown, page = packet(*decided)
    assert "2 gained, 2 lost (exact McNemar test: p = 1.000)." in markdown
    assert "text &lt;b&gt;test-0&lt;/b&gt;" in page
    assert "(row test-0)" not in page


@pytest.mark.parametrize(
    ("decided", "problem"),
    [
        ("{", "has no card.json that can be read; curate it again"),
        ("[]", "its card.json is of another form: it is no object"),
        ('{"rows": 7}', "its card.json is of another form: &#x27;rows&#x27; is not an object"),
        (
            '{"dropped": {"a": "b"}}',
            "its card.json is of another form: &#x27;dropped&#x27; holds what is no count",
        ),
        (
            '{"splits": {"train": {"rows": 1, "labels": [1]}}}',
            "its card.json is of another form: &#x27;splits.train.labels&#x27; holds what is no count",
        ),
        (
            '{"drift": {"labels": {}}}',
            "its card.json is of another form than this page reads, and is left out",
        ),
    ],
    indirect=["decided"],
)
def test_a_card_of_the_data_that_cannot_be_shown_is_said_and_stops_no_page(decided, problem):
    _, page = packet(*decided)
    assert f"Warning: {problem}." in page
    assert "What was required" in page


def test_data_of_a_model_task_that_is_not_installed_stop_no_page(decided, monkeypatch):
    def gone(name):
        raise BadRequest(f"no such model task '{name}'. There are none.")

    monkeypatch.setattr(catalog, "model_task", gone)
    markdown, page = packet(*decided)
    assert markdown.startswith("**")
    assert "What was required" in page
    assert "What changed" not in page


def test_what_the_teacher_needed_is_known_without_its_speed(bench, tmp_path):
    store = open_store(str(tmp_path / "store"))
    story = Story(store, tmp_path / "story")
    made = [
        story.task(name, what, story.weights(name), seconds_of_cores=seconds, **given)
        for name, what, seconds, given in (
            ("teacher", "finetune classifier", 3600.0, {}),
            ("student", "distill logit-kd", 900.0, {"teacher": "teacher"}),
        )
    ]
    right = {split: first(n, int(0.8 * n)) for split, n in N.items()}
    teacher = quality_report(bench, made[0].digest, right)
    student = quality_report(bench, made[1].digest, right, baseline=teacher)
    speed = speed_report(bench, made[1].digest, None)
    verdict = PairedBootstrap().run(reports=[student, speed], task=bench.task("gate"))
    for number, report in enumerate((teacher, student, speed)):
        story.task(f"report-{number}", "evaluate quality", replace(report, digest=""))
    _, page = packet(store, story.task("gate", "gate paired-bootstrap", verdict).digest)
    assert "took 1.2 h of all cores" in page
    assert "beyond what the teacher needed, 15.0 min of all cores" in page
    assert "paid for itself" not in page


@pytest.mark.parametrize(
    "content",
    ["{}", "[1]", "{", '{"rows": [{}]}', '{"rows": 7}', '{"rows": [{"model": "MODEL", "chance": "0.1"}]}'],
)
def test_a_selection_from_elsewhere_is_told_by_its_meta(decided, tmp_path, content):
    store, digest = decided
    folder = tmp_path / "selection"
    folder.mkdir()
    (folder / "selection.json").write_text(content.replace("MODEL", "9" * 64))
    selection = Selection(path=folder, meta={"goes_on": ["2" * 64], "stopped": {"9" * 64: "too slow"}})
    Story(store, tmp_path / "again").task("first", "select halving", selection)
    markdown, page = packet(store, digest, "run-1")
    assert "Stopped early: 1 (999999999999)" in markdown
    assert ">too slow</td>" in page


def test_what_was_stopped_early_is_told_by_its_task(decided, tmp_path):
    store, digest = decided
    folder = tmp_path / "selection"
    folder.mkdir()
    row = {"model": "9" * 64, "name": "hf", "written": "0.612 (0.55–0.67)", "chance": 0.0312}
    (folder / "selection.json").write_text(json.dumps({"rows": [row]}))
    why = {"9" * 64: "2nd of 3 by accuracy on validation", "8" * 64: "nobody asked"}
    selection = Selection(path=folder, meta={"goes_on": ["2" * 64], "stopped": why})
    story = Story(store, tmp_path / "again")
    story.task("first", "select halving", selection)
    markdown, page = packet(store, digest, "run-1")
    assert (
        "Stopped early: 2 (hf, 888888888888); the truly best would be stopped so in at most 3.1 % (hf)."
        in markdown
    )
    assert "Stopped early" in page
    for cell in (
        "hf",
        "first",
        "2nd of 3 by accuracy on validation",
        "0.612 (0.55–0.67)",
        "3.1 %",
        "nobody asked",
    ):
        assert f">{cell}</td>" in page


def test_a_stopped_candidate_stands_in_the_lineage_picture(bench, tmp_path):
    store = open_store(str(tmp_path / "store"))
    story = Story(store, tmp_path / "story")
    story.task("teacher", "finetune classifier", story.weights("teacher"))
    for name in ("short_0", "short_1"):
        story.task(name, "distill logit-kd", story.weights(name), teacher="teacher")
    story.select("first", "short_0", {"short_1": ("2nd of 2 by accuracy on validation", 0.0312)})
    student = story.task("student", "distill logit-kd", story.weights("student"), student="short_0", teacher="teacher")  # fmt: skip
    right = {split: first(n, int(0.8 * n)) for split, n in N.items()}
    teacher = quality_report(bench, story.made["teacher"].digest, right)
    report = quality_report(bench, student.digest, right, baseline=teacher)
    verdict = PairedBootstrap().run(reports=[report], task=bench.task("gate"))
    for number, one in enumerate((teacher, report)):
        story.task(f"report-{number}", "evaluate quality", replace(one, digest=""))
    _, page = packet(store, story.task("gate", "gate paired-bootstrap", verdict).digest)
    picture = page.partition("<h2>Lineage</h2>")[2]
    assert ": 3 artifacts, and 1 stopped" in picture  # the teacher, the short student and the student
    assert "short_1: stopped by first: 2nd of 2 by accuracy on validation; " in picture
    assert ">select halving · 1 of 2 go on<" in picture


def test_where_nothing_was_stopped_nothing_is_said(decided):
    markdown, page = packet(*decided)
    assert "Stopped early" not in markdown + page
    assert "stopped early" not in page
    assert "Dashed" not in page
