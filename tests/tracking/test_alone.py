"""A release in an environment that has its own requirements and nothing else."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from releases import approve, register, word_counter
from servers import wait_for
from slmworks.model_tasks.text_classification.onnx import OnnxClassifier
from slmworks.tracking.sync import sync
from stories import Story

pytestmark = pytest.mark.slow

TEXTS = ["good good", "awful and plain", "plain", "again, nothing known"]

LOAD = """
import json, sys, mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(pd.DataFrame({"text": json.loads(sys.argv[2])}))
print(json.dumps(answer.to_dict(orient="records")))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`bin` of a fresh environment with a release's requirements. SLMWORKS_TEST_VENV names a ready one."""
    if ready := os.environ.get("SLMWORKS_TEST_VENV"):
        return Path(ready) / "bin"
    folder = tmp_path_factory.mktemp("alone")
    from slmworks.registry.release import build

    (folder / "release").mkdir()
    build(folder / "release", word_counter(folder / "model"))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    pip = [folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "-r"]
    subprocess.run([*pip, folder / "release/requirements.txt"], check=True, capture_output=True)
    return folder / "venv/bin"


def environment(alone: Path, **more: str) -> dict[str, str]:
    """What a process of that environment sees: its programs first, nothing of ours."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return {**kept, "PATH": f"{alone}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def agrees(answers: list[dict], model: Path) -> None:
    """The answers are those of our runtime, to 1e-6."""
    for have, want in zip(
        answers, OnnxClassifier(model).answer([{"text": text} for text in TEXTS]), strict=True
    ):
        assert have["label"] == want["label"]
        np.testing.assert_allclose(have["score"], want["score"], atol=1e-6)
        for label, score in want["scores"].items():
            np.testing.assert_allclose(have["scores"][label], score, atol=1e-6)


def test_slmworks_is_not_there(alone):
    found = subprocess.run(
        [alone / "python", "-c", "import slmworks"], env=environment(alone), capture_output=True, check=False
    )
    assert b"No module named 'slmworks'" in found.stderr


def test_mlflow_models_serve_answers_like_our_runtime(alone, store, tmp_path):
    release = register(store, word_counter(tmp_path / "model"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [alone / "mlflow", "models", "serve", "-m", str(release.path), "--env-manager", "local",
               "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    with (tmp_path / "serve.log").open("wb") as log:
        serving = subprocess.Popen(command, env=environment(alone), stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/ping")
        body = json.dumps({"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}})
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            agrees(json.load(reply)["predictions"], release.path / "model")
    finally:
        serving.terminate()
        serving.wait(30)


def test_the_champion_of_a_remote_server_loads_there(alone, server, store, tmp_path):
    story = Story(store, tmp_path / "work").tell().end()
    sync(store, server.uri)
    approve(store)
    sync(store, server.uri)
    done = subprocess.run(
        [alone / "python", "-W", "ignore", "-c", LOAD, "models:/reviews@champion", json.dumps(TEXTS)],
        env=environment(alone, MLFLOW_TRACKING_URI=server.uri), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = store.folder(story.made["register"].digest)
    agrees(json.loads(done.stdout.splitlines()[-1]), folder / "model")
