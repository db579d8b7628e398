"""A whole recipe with a hosted model on this machine: what is kept of it, and that its key is nowhere."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from faulty import KEY, Faulty, reply

pytestmark = pytest.mark.slow
RECIPE = """\
name: hosted
steps:
  raw: {stage: fetch, from: {train: rows.jsonl}}
  curate: {uses: chat, from: {data: raw}, with: {test: 0.2, validation: 0.2}}
  big: {stage: evaluate, uses: quality, from: {model: ./big.hosted.json, data: curate}, with: {trivial: false}}
"""


def echo(handler, body):
    handler.send(200, reply(f"it is {body['messages'][-1]['content'][8:-1]}"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    turns = [
        {"messages": [{"role": "user", "content": f"What is {word}?"}, {"role": "assistant", "content": f"it is {word}"}]}
        for word in ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "islet", "jetty",
                     "knoll", "larch", "marsh", "north", "ocean", "pines", "quarz", "ridge", "stone", "tidal")
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def run(folder: Path, server: Faulty) -> subprocess.CompletedProcess[str]:
    said = {"address": server.address, "model": "big", "key": "env:BIG_KEY", "patience_s": 0.2,
            "prices": {"prompt": 1, "answer": 2, "currency": "USD"}}  # fmt: skip
    (folder / "big.hosted.json").write_text(json.dumps(said))
    command = [sys.executable, "-m", "slmworks", "run", "recipe.yaml", "--store", str(folder / "store")]
    command += ["--tracking", f"sqlite:///{folder}/mlflow.db", "--cores", "1"]
    env = {**os.environ, "BIG_KEY": KEY, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def nowhere(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    assert KEY not in done.stdout + done.stderr
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_it_is_measured_and_its_key_is_nowhere(folder: Path) -> None:
    with Faulty(echo) as server:
        done = run(folder, server)
        assert done.returncode == 0, done.stdout + done.stderr
        assert {authorization for _, _, authorization in server.asked} == {f"Bearer {KEY}"}
        asked = len(server.asked)
        assert run(folder, server).returncode == 0
        assert len(server.asked) == asked, "the second run has the report"
    assert "exact match 1" in done.stdout.replace("_", " ")
    nowhere(folder, done)


def test_a_refused_key_is_a_line_and_nowhere(folder: Path) -> None:
    with Faulty(lambda handler, body: handler.error(401, f"Incorrect API key provided: {KEY}")) as server:
        done = run(folder, server)
    assert done.returncode == 2
    assert "refuses the key at env:BIG_KEY (401)." in done.stdout + done.stderr
    nowhere(folder, done)
