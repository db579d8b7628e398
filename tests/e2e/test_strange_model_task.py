"""A stranger's model task (tests/toy/slmworks_spans) through the whole line, with no edit outside its folder."""

import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store

RECIPE = """\
name: spans
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: validation.csv, test: test.csv}}
  curate: {uses: spans, from: {data: raw}}
  large: {stage: finetune, uses: spans, from: {model: ./base, data: curate}}
  small: {stage: finetune, uses: spans, from: {model: ./base, data: curate}, sweep: [{with: {words: 60}}, {with: {words: 5}}]}
  baseline: {stage: evaluate, from: {model: large, data: curate}}
  evaluate: {from: {model: small, baseline: baseline, data: curate}}
  speed: {stage: evaluate, uses: speed, from: {model: small, baseline: baseline, data: curate}, with: {seconds: 1, busy: keep}}
  gate: {from: {reports: [evaluate, speed]}, with: {retention: 0.8, minimum: {f1: 0.5}}}
  register: {from: {verdict: gate}, with: {name: spans}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
"""
TOY = Path(__file__).parents[1] / "toy"
PLACES = ["drawer", "kitchen", "garden", "cellar", "office", "attic"]
THINGS = ["key", "lamp", "book", "phone", "ladder", "kettle", "coat", "map"]


class Line:
    """A folder in which commands run as a person would run them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command; gives all it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", "slmworks", *words], cwd=self.folder, capture_output=True, text=True,
            check=False, timeout=300, env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(TOY)},
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Line:
    folder = tmp_path_factory.mktemp("spans")
    chance = random.Random(3)
    for split, count in (("train", 120), ("validation", 60), ("test", 90)):
        with (folder / f"{split}.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["question", "context", "answer"])
            for _ in range(count):
                things, places = chance.sample(THINGS, 3), chance.sample(PLACES, 3)
                said = [
                    f"The {thing} is in the {place}." for thing, place in zip(things, places, strict=True)
                ]
                rows.writerow([f"where is the {things[1]}?", " ".join(said), said[1]])
    (folder / "base").mkdir()
    (folder / "base" / "config.json").write_text("{}")
    (folder / "base" / "model.safetensors").write_bytes(b"")
    (folder / "spans.yaml").write_text(RECIPE)
    line = Line(folder)
    line.output = line("run", "spans.yaml", "--cores", "1", "--tracking", "none")  # type: ignore[attr-defined]
    return line


def test_it_is_judged_by_its_own_measure_and_waits_for_approval(line: Line) -> None:
    assert "token F1 (95 % CI)" in line.output  # type: ignore[attr-defined]
    assert "waits  spans v1 is candidate" in line.output  # type: ignore[attr-defined]


def test_the_reviewers_page_shows_what_was_asked_and_answered(line: Line) -> None:
    (page,) = line.folder.glob(".slmworks/runs/*/gate.html")
    text = page.read_text()
    assert "token F1" in text
    assert "accuracy" not in text


def test_its_release_stands_alone(line: Line) -> None:
    line("approve", "spans", "--because", "it finds keys", "--tracking", "none")
    release = approved_release(Registry(open_store(str(line.folder / ".slmworks"))), "spans").folder
    code = (
        "import sys, json; sys.modules['slmworks'] = None; import mlflow, pandas as pd;"
        f"model = mlflow.pyfunc.load_model({str(release)!r});"
        "rows = pd.DataFrame([{'question': 'Where is the key?', 'context': 'It rains. The key is here.'}]);"
        "print(json.dumps(model.predict(rows).to_dict('records')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": ""},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1])[0]["span"] == "The key is here."


def test_it_is_deployed_and_answers_over_http(line: Line) -> None:
    assert "answers" in line("run", "spans.yaml", "--cores", "1", "--tracking", "none")
    question = json.dumps({"question": "where is the lamp?", "context": "A coat. The lamp is in the attic."})
    assert "The lamp is in the attic." in line("serve", "spans", "--ask", question)


def test_its_edge_bundle_runs_without_slmworks(line: Line) -> None:
    line("edge", "spans", "--to", "bundle")
    row = json.dumps({"question": "where is the book?", "context": "The book is red. The map is old."})
    ended = subprocess.run(
        [sys.executable, str(line.folder / "bundle/run.py")], input=row + "\n", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["span"] == "The book is red."


def test_data_of_another_model_task_is_refused_when_the_recipe_is_read(line: Line) -> None:
    other = RECIPE.replace("curate: {uses: spans, from: {data: raw}}", "curate: {uses: text, from: {data: raw}, with: {text: question, label: answer}}")  # fmt: skip
    (line.folder / "other.yaml").write_text(other)
    output = line("check", "other.yaml", code=2)
    assert "text-classification" in output
    assert "span-extraction" in output
