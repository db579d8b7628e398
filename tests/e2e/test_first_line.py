"""The whole line at toy size with the real plugins: from a csv to an approved, answering int8 student."""

import csv
import getpass
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.contract.artifact import Dataset, Model

RECIPE = """\
name: tiny
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: text, from: {data: raw}, with: {test: 0.2, validation: 0.15}}
  teacher:
    {stage: finetune, uses: classifier, from: {model: ./encoder, data: curate},
     with: {epochs: 6, learning_rate: 3e-3, batch_size: 16, max_length: 24, dropout: 0.0}}
  student:
    {stage: distill, uses: logit-kd, from: {teacher: teacher, data: curate},
     with: {layers: [0, 1], epochs: 6, learning_rate: 3e-3, batch_size: 16}}
  int8: {stage: quantize, from: {model: student, calibration: curate}, uses: onnx-dynamic, sweep: [{with: {per_channel: true}}, {with: {per_channel: false}}]}
  baseline: {stage: evaluate, uses: quality, from: {model: teacher, data: curate}}
  evaluate: {uses: quality, from: {model: int8, baseline: baseline, data: curate}}
  speed: {stage: evaluate, uses: speed, from: {model: int8, baseline: baseline, data: curate}, with: {seconds: 2, busy: keep}}
  gate: {from: {reports: [evaluate, speed]}, with: {retention: RETENTION}}
  register: {from: {verdict: gate}, with: {name: tiny}}
  approve: {from: {release: register}}
  deploy: {from: {release: approve}}
"""


class Line:
    """A folder with data, weights, a recipe and a store; commands run in it as a person would."""

    def __init__(self, folder: Path, encoder: Model, reviews: Dataset) -> None:
        self.folder = folder
        shutil.copytree(encoder.path, folder / "encoder")
        with (folder / "train.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "label"])
            for split in ("train", "validation", "test"):
                rows.writerows(zip(*reviews.columns(split, "text", "label"), strict=True))
        self.write("0.5")

    def write(self, retention: str) -> None:
        """The recipe, asking for this retention."""
        (self.folder / "tiny.yaml").write_text(RECIPE.replace("RETENTION", retention))

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command; gives all it printed."""
        alone = (
            ["--cores", "1"] if words[0] == "run" else []
        )  # beside other tests two threads each would be too many
        ended = subprocess.run(
            [sys.executable, "-m", "slmworks", *words, *alone],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=600,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def record(self, task: str) -> dict:
        """The newest record in which a task came to something."""
        paths = sorted(self.folder.glob(f".slmworks/runs/*/{task}.json"))
        return [record for path in paths if (record := json.loads(path.read_text()))["manifest"]][-1]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model, tiny_reviews: Dataset) -> Line:
    """The line, run once up to the barrier; the tests below go on from there in order."""
    line = Line(tmp_path_factory.mktemp("line"), tiny_encoder, tiny_reviews)
    line.said = line("run", "tiny.yaml")  # type: ignore[attr-defined]
    return line


def test_it_ends_at_the_barrier_with_a_table_a_verdict_and_what_to_type(line: Line) -> None:
    said = line.said  # type: ignore[attr-defined]
    for row in ("teacher", "tf-idf + linear", "majority", "int8.per_channel=true"):
        assert row in said
    assert "gate   passed: keeps" in said
    assert 'waits  tiny v1 is candidate. Approve it:  slmworks approve tiny 1 --because "…"' in said
    page = next(Path(word) for word in said.split() if word.endswith("gate.html"))
    assert "tf-idf" in page.read_text()


def test_an_unapproved_version_is_not_served(line: Line) -> None:
    assert "not approved" in line("serve", "tiny", "--version", "1", code=2)
    assert "tiny has no approved version to serve. Approve v1" in line("serve", "tiny", code=2)


def test_a_second_run_is_all_cached(line: Line) -> None:
    said = line("run", "tiny.yaml")
    assert "✓ teacher" not in said
    assert "= gate: cached" in said
    assert "tiny v1 waits for approval" in said


def test_mlflow_shows_runs_curves_and_the_candidate(line: Line) -> None:
    import mlflow

    uri = f"sqlite:///{line.folder / '.slmworks/mlflow.db'}"
    line("lineage", "sync")
    client = mlflow.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    teachers = [run.info.run_id for run in runs if run.data.tags.get("slmworks.task") == "teacher"]
    assert any(client.get_metric_history(run, "loss") for run in teachers)
    version = client.get_model_version_by_alias("tiny", "candidate")
    assert "tf-idf" in version.description
    assert "0 versions created" in line("lineage", "sync")


def test_approval_makes_it_the_champion_and_the_run_goes_on(line: Line) -> None:
    assert "champion: v1" in line(
        "approve", "tiny", "1", "--because", "good enough for a test", "--user", "ada"
    )
    assert "v1 is champion" in line("approve", "tiny", "--because", "again", code=2)
    assert "approved" in line("approve", "tiny", "1", "--because", "again", code=2)
    said = line("run", "tiny.yaml")
    assert "✓ deploy: done: answer" in said
    listed = line("models")
    assert "champion" in listed
    entry = json.loads((line.folder / ".slmworks/registry/tiny/000001.json").read_text())
    assert (entry["started_by"], entry["started_how"]) == (
        getpass.getuser(),
        "claimed: user name of the process",
    )
    assert "by ada (claimed)" in listed
    assert "good enough for a test" in listed


def test_the_champion_answers_without_torch(line: Line) -> None:
    said = line("serve", "tiny", "--ask", "the camera is lovely")
    assert "tiny v1 at http://127.0.0.1:" in said
    assert "→ positive" in said


def test_mlflow_loads_the_champion_and_agrees(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow
    import pandas as pd

    for which in ("TRACKING", "REGISTRY"):  # its own `set_…_uri` would hold for every later test
        monkeypatch.setenv(f"MLFLOW_{which}_URI", f"sqlite:///{line.folder / '.slmworks/mlflow.db'}")
    model = mlflow.pyfunc.load_model("models:/tiny@champion")
    answers = model.predict(pd.DataFrame({"text": ["the camera is lovely", "the lamp is awful"]}))
    assert list(answers["label"]) == ["positive", "negative"]


def test_lineage_walks_back_to_the_source_file(line: Line) -> None:
    said = line("lineage", "tiny@champion")
    for word in ("quantize", "distill", "finetune", "curate", "train.csv"):
        assert word in said


def test_what_was_measured_is_what_is_registered(line: Line) -> None:
    chosen = line.record("gate")["manifest"]["refs"]["model"]
    assert line.record("register")["manifest"]["meta"]["model_digest"] == chosen
    measured = {
        line.record(f"evaluate.per_channel={kind}")["manifest"]["refs"]["model"] for kind in ("true", "false")
    }
    assert chosen in measured


def test_a_gate_that_refuses_leaves_no_candidate(line: Line) -> None:
    before = sorted(line.folder.glob(".slmworks/registry/tiny/*"))
    line.write("1.2")
    said = line("run", "tiny.yaml", code=99)
    line.write("0.5")
    assert "gate   refused: keeps" in said
    assert "less than the 120 % required" in said
    assert sorted(line.folder.glob(".slmworks/registry/tiny/*")) == before


def test_an_edited_release_is_not_served(line: Line) -> None:
    digest = line.record("register")["manifest"]["digest"]
    edited = line.folder / f".slmworks/objects/{digest}/model/labels.json"
    text = edited.read_text()
    edited.chmod(0o644)
    edited.write_text(text.replace("positive", "negatory"))
    said = line("serve", "tiny", "--ask", "x", code=2)
    edited.write_text(text)
    assert "tiny v1" in said
    assert "Traceback" not in said


def test_a_rollback_without_a_previous_champion_is_refused(line: Line) -> None:
    assert "no previous one to go back to" in line("rollback", "tiny", "--because", "a test", code=2)
