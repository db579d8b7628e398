"""Entities through the whole line, as a person would run it: from files to a server and an edge bundle."""

import json
import os
import subprocess
import sys

import pytest

import tagged
from commands import Line
from slmworks.contract.artifact import Model

pytestmark = pytest.mark.slow

RECIPE = """\
name: people
steps:
  raw: {stage: fetch, from: {all: rows.jsonl, transfer: more.jsonl}}
  curate: {uses: tags, from: {data: raw}}
  teacher: {stage: finetune, uses: token-classifier, from: {model: ./encoder, data: curate}, with: {epochs: 7, learning_rate: 4e-3, batch_size: 16, max_length: 40, dropout: 0}}
  student: {stage: distill, uses: tag-kd, from: {teacher: teacher, data: curate}, with: {layers: [0, 1], epochs: 4, learning_rate: 4e-3, batch_size: 16}}
  int8: {stage: quantize, uses: onnx-dynamic, from: {model: student}}
  baseline: {stage: evaluate, from: {model: teacher, data: curate}}
  evaluate: {from: {model: int8, baseline: baseline, data: curate}}
  speed: {stage: evaluate, uses: speed, from: {model: int8, baseline: baseline, data: curate}, with: {seconds: 1, busy: keep}}
  gate: {from: {reports: [evaluate, speed]}, with: {retention: 0.5, minimum: {f1: 0.5, recall: 0.4}}}
  register: {from: {verdict: gate}, with: {name: people}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model) -> Line:
    folder = tmp_path_factory.mktemp("people")
    rows = tagged.sentences(360)
    for name, some in (("rows", rows[:300]), ("more", [{"text": row["text"]} for row in rows[300:]])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
    (folder / "encoder").symlink_to(tiny_encoder.path)
    (folder / "people.yaml").write_text(RECIPE)
    line = Line(folder)
    line.output = line("run", "people.yaml", "--cores", "1", "--tracking", "none")
    return line


def test_it_is_judged_by_whole_entities_and_waits_for_approval(line: Line) -> None:
    assert "span F1 (95 % CI)" in line.output
    assert "waits  people v1 is candidate" in line.output
    (page,) = line.folder.glob(".slmworks/runs/*/gate.html")
    text = page.read_text()
    for said in ("span F1", "Labels", "PLACE", "Mistakes", "most frequent tag"):
        assert said in text


def test_it_is_served_and_runs_on_the_edge_without_slmworks(line: Line) -> None:
    line("approve", "people", "--because", "it finds people", "--tracking", "none")
    line("run", "people.yaml", "--cores", "1", "--tracking", "none")
    assert "→ Ada PERSON, Paris PLACE" in line("serve", "people", "--ask", "Ada lives in Paris. 7")
    line("edge", "people", "--to", "bundle")
    ended = subprocess.run(
        [sys.executable, "-c", "import sys, runpy; sys.path.insert(0, 'bundle'); sys.modules['slmworks'] = sys.modules['torch'] = None; runpy.run_path('bundle/run.py', run_name='__main__')"],
        input="Ada lives in Paris. 7\n\n", cwd=line.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    first, empty = map(json.loads, ended.stdout.splitlines())
    assert set(first["entities"][0]) == {"start", "end", "label", "score", "text"}
    assert [one["text"] for one in first["entities"]] == ["Ada", "Paris"]
    assert empty["entities"] == []


def test_its_release_has_a_signature_and_answers_through_mlflow(line: Line) -> None:
    from slmworks.registry.log import Registry
    from slmworks.registry.release import approved_release
    from slmworks.store import open_store

    release = approved_release(Registry(open_store(str(line.folder / ".slmworks"))), "people").folder
    code = (
        "import sys, json; sys.modules['slmworks'] = None; import mlflow, pandas as pd;"
        f"model = mlflow.pyfunc.load_model({str(release)!r});"
        "rows = pd.DataFrame([{'text': 'Ada lives in Paris. 7'}, {'text': ''}]);"
        "print(json.dumps(model.predict(rows).to_dict('records')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={
            **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1",
        },
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found[1] == {"entities": []}
    assert isinstance(found[0]["entities"], list)


def test_a_file_is_tagged_row_by_row(line: Line) -> None:
    (line.folder / "asked.jsonl").write_text(
        '{"text": "Ada lives in Paris. 7"}\n{"text": "nothing happened 8"}\n'
    )
    line("predict", "people", "asked.jsonl", "-o", "tagged.jsonl")
    rows = [json.loads(one) for one in (line.folder / "tagged.jsonl").read_text().splitlines()]
    assert len(rows) == 2
    assert any("entities" in key for key in rows[0])
