"""A whole run on a bucket, seen from two machines; the secret stays in the environment."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from releases import register, word_counter
from slmworks.execution.cache import find
from slmworks.store import open_store

TOY = Path(__file__).parent.parent / "toy"
RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: validation.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
"""


class Machine:
    """A folder with data and a recipe, and a cache of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        (folder / "base").mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (folder / "base" / name).write_text("{}")
        for split in ("train", "validation", "test"):
            (folder / f"{split}.csv").write_text(f"{split} rows")
        (folder / "toy.yaml").write_text(RECIPE)

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a command as a person would; gives all it printed."""
        env = {
            **os.environ,
            "SLMWORKS_CACHE": str(self.folder / "cache"),
            "SLMWORKS_STORE": self.store,
            "PYTHONPATH": os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")]),
            "NO_COLOR": "1",
        }
        ended = subprocess.run(
            [sys.executable, "-m", "slmworks", *words],
            cwd=self.folder, env=env, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


def everywhere(url: str, *machines: Machine) -> list[bytes]:
    """All that was written: in the bucket and on the machines."""
    store = open_store(url)
    texts = [store.read(key) or b"" for key in store.list("")]
    return texts + [path.read_bytes() for machine in machines for path in machine.files()]


@pytest.fixture
def laptop(s3: str, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "laptop", s3)


@pytest.fixture
def server_room(s3: str, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "server-room", s3)


def test_a_run_on_a_bucket(laptop: Machine, server_room: Machine, s3: str, secret: str) -> None:
    said = laptop("run", "toy.yaml", "--tracking", "none")
    assert f"store {s3} · tracking none" in said
    assert f"here   {laptop.folder / 'cache'}" in said
    assert "✓ gate: done" in said
    page = next(Path(word) for word in said.split() if word.endswith("gate.html"))
    assert page.is_relative_to(laptop.folder / "cache")
    assert page.exists()

    again = server_room("run", "toy.yaml", "--tracking", "none")
    assert "✓" not in again
    assert "= gate: cached" in again
    assert "cached nothing had to be made again" in again
    assert "cached" in server_room("plan", "toy.yaml")
    assert server_room("runs").count(" done ") == 2
    everything = everywhere(s3, laptop, server_room)
    assert any(path.suffix == ".log" for path in laptop.files())
    assert not [text for text in [*everything, said.encode(), again.encode()] if secret.encode() in text]


@pytest.mark.slow
def test_its_lineage_is_whole_on_every_machine_and_holds_no_secret(
    laptop: Machine, server_room: Machine, s3: str, secret: str
) -> None:
    import mlflow

    assert "· tracking sqlite" in laptop("run", "toy.yaml")
    assert "tasks uploaded" in server_room("lineage", "sync")
    for machine in (laptop, server_room):
        (database,) = (path for path in machine.files() if path.name == "mlflow.db")
        client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{database}")
        runs = client.search_runs([found.experiment_id for found in client.search_experiments()])
        assert {run.data.tags.get("slmworks.task") for run in runs} >= {"teacher", "gate"}
    assert not [text for text in everywhere(s3, laptop, server_room) if secret.encode() in text]


def test_a_release_is_approved_here_and_served_there(
    laptop: Machine, server_room: Machine, s3: str, tmp_path: Path
) -> None:
    pytest.importorskip("slmworks_serve")
    store = open_store(s3)
    release = register(store, word_counter(tmp_path / "model"))
    assert "has no approved version to serve" in server_room("serve", "reviews", "--ask", "good", code=2)
    assert "champion: v1" in laptop(
        "approve", "reviews", "1", "--because", "it is good", "--tracking", "none"
    )
    assert "champion" in server_room("models")
    assert "positive" in server_room("serve", "reviews", "--ask", "good again")
    assert "v1 is champion" in server_room(
        "approve", "reviews", "--because", "again", "--tracking", "none", code=2
    )

    key = f"objects/{release.digest}/model/labels.json"
    store.write(key, (store.read(key) or b"").replace(b"positive", b"negative"))
    assert "positive" in server_room("serve", "reviews", "--ask", "good")  # its copy is what was approved
    stranger = Machine(tmp_path / "stranger", s3)
    assert "not the bytes that were committed" in stranger("serve", "reviews", "--ask", "good", code=1)


def test_a_bad_store_costs_one_line(laptop: Machine, s3: str) -> None:
    said = laptop("run", "toy.yaml", "--store", "s3://nowhere-here/x", code=2)
    assert said.count("\n") == 1
    assert said.startswith("slmworks: s3://nowhere-here/x: ")
    assert "has no such bucket" in said


def test_a_server_that_goes_away_during_a_run_loses_nothing(laptop: Machine, server: Any, s3: str) -> None:
    """The gate cannot be stored; the next run goes on from what is."""
    server.fault(method="PUT", match="gate", status=403, code="AccessDenied")
    said = laptop("run", "toy.yaml", "--tracking", "none", code=2)
    assert "may not do that there" in said
    server.fault()
    again = laptop("run", "toy.yaml", "--tracking", "none")
    assert "= teacher: cached" in again
    assert "gate: " in again


def test_a_clock_set_back_changes_nothing(laptop: Machine, s3: str) -> None:
    """Times are for people: what counts is the identity."""
    laptop("run", "toy.yaml", "--tracking", "none")
    store = open_store(s3)
    for key in store.list("tasks"):
        text = (store.read(key) or b"").decode()
        store.write(key, text.replace('"created": "20', '"created": "30').encode())
        assert find(store, key.removeprefix("tasks/").removesuffix(".json"))
    said = laptop("run", "toy.yaml", "--tracking", "none")
    assert "cached nothing had to be made again" in said
    assert "cached" in laptop("plan", "toy.yaml")
