"""Answers to questions through the whole line, as a person would run it: from a table to a server and an edge bundle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import asked
from commands import Line
from slmworks.contract.artifact import Model

pytestmark = pytest.mark.slow

RECIPE = """\
name: purchases
steps:
  raw: {stage: fetch, from: {all: rows.jsonl}}
  curate: {uses: qa, from: {data: raw}, with: {test: 0.3}}
  teacher: {stage: finetune, uses: qa, from: {model: ./encoder, data: curate}, with: {epochs: 10, learning_rate: 3e-3, batch_size: 16, max_length: 48, dropout: 0}}
  student: {stage: distill, uses: qa-kd, from: {teacher: teacher, data: curate}, with: {layers: [0, 1, 2], epochs: 6, learning_rate: 3e-3, batch_size: 16}}
  int8: {stage: quantize, uses: onnx-dynamic, from: {model: student}}
  baseline: {stage: evaluate, from: {model: teacher, data: curate}}
  evaluate: {from: {model: int8, baseline: baseline, data: curate}}
  speed: {stage: evaluate, uses: speed, from: {model: int8, baseline: baseline, data: curate}, with: {seconds: 1, busy: keep}}
  gate: {from: {reports: [evaluate, speed]}, with: {retention: 0.5, minimum: {f1: 0.4, exact_match: 0.3}}}
  register: {from: {verdict: gate}, with: {name: purchases}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
"""
ROW = {"question": "where was it?", "context": "the buyer was ada. the shop is in oslo. it was a lamp. 7"}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model) -> Line:
    folder = tmp_path_factory.mktemp("purchases")
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked.rows(500)))
    (folder / "encoder").symlink_to(tiny_encoder.path)
    (folder / "purchases.yaml").write_text(RECIPE)
    line = Line(folder)
    line.output = line("run", "purchases.yaml", "--cores", "1", "--tracking", "none")
    return line


def test_it_is_judged_as_squad_judges_and_waits_for_approval(line: Line) -> None:
    assert "answer F1 (95 % CI)" in line.output
    assert "waits  purchases v1 is candidate" in line.output
    (page,) = line.folder.glob(".slmworks/runs/*/gate.html")
    text = page.read_text()
    for said in ("exact match", "Answers", "nearest sentence"):
        assert said in text


def test_it_is_served_answers_a_file_and_runs_on_the_edge_without_slmworks(line: Line) -> None:
    line("approve", "purchases", "--because", "it finds what was bought", "--tracking", "none")
    line("run", "purchases.yaml", "--cores", "1", "--tracking", "none")
    assert "→ oslo" in line("serve", "purchases", "--ask", json.dumps(ROW))
    (line.folder / "asked.jsonl").write_text(json.dumps(ROW) + "\n")
    line("predict", "purchases", "asked.jsonl", "-o", "answered.jsonl")
    assert json.loads((line.folder / "answered.jsonl").read_text())["predicted_answer"] == "oslo"
    line("edge", "purchases", "--to", "bundle")
    ended = subprocess.run(
        [sys.executable, "-c", "import sys, runpy; sys.path.insert(0, 'bundle'); sys.modules['slmworks'] = sys.modules['torch'] = None; runpy.run_path('bundle/run.py', run_name='__main__')"],
        input=json.dumps(ROW) + "\n", cwd=line.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["answer"] == "oslo"


def test_an_answer_that_is_not_there_is_one_line(line: Line) -> None:
    folder: Path = line.folder
    bad = {**asked.rows(1)[0], "answers": ["a whale"]}
    (folder / "bad.jsonl").write_text(json.dumps(bad) + "\n")
    recipe = RECIPE.replace("rows.jsonl", "bad.jsonl").replace("{test: 0.3}", "{test: 0.3, bad_rows: refuse}")
    (folder / "bad.yaml").write_text(recipe.replace("name: purchases", "name: bad"))
    said = line("run", "bad.yaml", "--until", "curate", "--cores", "1", "--tracking", "none", code=2)
    assert "bad.jsonl:1: an answer that is not in its context: 'a whale'" in said
