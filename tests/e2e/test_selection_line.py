"""Students that are stopped early, at toy size with the real plugins: from a csv to a version and its page."""

import json
from pathlib import Path

import pytest
from test_first_line import Line

from slmworks.contract.artifact import Dataset, Model

pytestmark = pytest.mark.slow

RECIPE = """\
name: tiny
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
  teacher:
    {stage: finetune, uses: classifier, from: {model: ./encoder, data: curate},
     with: {epochs: 6, learning_rate: 3e-3, batch_size: 16, max_length: 24, dropout: 0.0}}
  short:
    {stage: distill, uses: logit-kd, from: {teacher: teacher, data: curate}, with: {epochs: 1, learning_rate: 3e-3, batch_size: 16},
     sweep: [{with: {layers: [0]}}, {with: {layers: [0, 1]}}, {with: {layers: [3], learning_rate: 1e-6}}]}
  probe: {stage: evaluate, uses: quality, from: {model: short, data: curate}, with: {splits: [validation], trivial: false}}
  first: {stage: select, from: {reports: probe}, with: {keep: 1}}
  student:
    {stage: distill, uses: logit-kd, from: {teacher: teacher, student: short, data: curate}, when: first,
     with: {epochs: 4, learning_rate: 3e-3, batch_size: 16}}
  int8: {stage: quantize, from: {model: student, calibration: curate}, uses: onnx-dynamic}
  baseline: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}
  evaluate: {uses: quality, from: {model: int8, baseline: baseline, data: curate}}
  gate: {from: {reports: evaluate}, with: {retention: 0.5}}
  register: {from: {verdict: gate}, with: {name: tiny}}
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model, tiny_reviews: Dataset) -> Line:
    """The line, run once."""
    line = Line(tmp_path_factory.mktemp("selection-line"), tiny_encoder, tiny_reviews)
    (line.folder / "tiny.yaml").write_text(RECIPE)
    line.said = line("run", "tiny.yaml")  # type: ignore[attr-defined]
    return line


def test_one_goes_on_and_the_others_cost_nothing(line: Line) -> None:
    said = line.said  # type: ignore[attr-defined]
    selection = line.record("first")["manifest"]
    assert len(selection["meta"]["goes_on"]) == 1
    assert said.count(": absent: stopped early: ") == 6  # student, int8 and evaluate of two
    assert "of 3 by accuracy on validation" in said
    assert "1 of 3 goes on; of those stopped, " in said
    assert len(line.record("gate")["inputs"]["reports"]) == 1
    assert line.record("teacher")["manifest"]["cpu_seconds"] > 0


def test_the_reviewer_reads_what_was_stopped(line: Line) -> None:
    said = line.said  # type: ignore[attr-defined]
    page = next(Path(word) for word in said.split() if word.endswith("gate.html")).read_text()
    stopped = page.partition("<h2>Stopped early</h2>")[2].partition("</table>")[0]
    assert stopped
    (on,) = line.record("first")["manifest"]["meta"]["goes_on"]
    goes_on = [task for task in _shorts(line) if line.record(task)["manifest"]["digest"] == on]
    for task in _shorts(line):
        assert (f">{task}<" in stopped) is (task not in goes_on)


def test_a_second_run_and_a_plan_say_the_same(line: Line) -> None:
    assert "✓" not in line("run", "tiny.yaml").replace("✓ register", "")
    planned = line("plan", "tiny.yaml")
    assert planned.count("stopped early: ") == 6
    assert ", 6 left out" in planned
    (run, *_) = sorted(path.parent.name for path in line.folder.glob(".slmworks/runs/*/run.json"))
    assert line("runs", run).count("absent") == 6


def test_gc_keeps_what_the_page_tells_of_and_no_stopped_model(line: Line) -> None:
    selection = line.record("first")["manifest"]
    objects = line.folder / ".slmworks/objects"
    stopped = set(selection["meta"]["stopped"])
    assert all((objects / digest).is_dir() for digest in stopped)
    for _ in range(2):
        line("gc", "--keep-days", "0", "--keep-runs", "0", "--grace-days", "0")
    assert json.loads((objects / selection["digest"] / "selection.json").read_text())["chance"] > 0
    assert not any((objects / digest).exists() for digest in stopped)


def _shorts(line: Line) -> list[str]:
    return sorted({path.stem for path in line.folder.glob(".slmworks/runs/*/short.*.json")})
