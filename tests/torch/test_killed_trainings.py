"""A training whose process was killed goes on from its last checkpoint, and ends with the bytes of an unbroken one."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from orders import orders
from resumed import SEED, TRAININGS
from toys import toy

from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Dataset, Model
from slmworks.contract.manifest import Manifest, scan
from slmworks.contract.options import configure
from slmworks.store import Store, open_store
from slmworks.testing import Bench, sealed

SCRIPT = Path(__file__).parent / "resumed.py"
STEPS = {"sft": 40, "classifier": 45, "logit-kd": 42}
"""Steps of a whole training: epochs times batches."""


@pytest.fixture
def inputs(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_reviews: Dataset, tiny_encoder: Model
) -> dict[str, Artifact]:
    """What a training is given, by port."""
    if request.param == "sft":
        llama = toy(tmp_path / "llama", initializer_range=0.1)
        return {"model": llama, "data": orders(tmp_path / "orders")}
    if request.param == "classifier":
        return {"model": tiny_encoder, "data": tiny_reviews}
    return {"teacher": request.getfixturevalue("tiny_classifier"), "data": tiny_reviews}


def put(store: Store, artifact: Artifact, manifest: Path) -> str:
    """Put an artifact into a store; the argument by which a task is given its manifest."""
    copy = store.cache / "copies" / manifest.stem
    shutil.copytree(artifact.path, copy)
    files = scan(copy)
    digest = store.put(copy, files)
    said = {"kind": artifact.kind, "format": artifact.format, "meta": dict(artifact.meta)}
    manifest.write_text(Manifest(digest=digest, files=files, **said).model_dump_json())
    return f"{manifest.stem}={manifest}"


def started(plugin: str, store: Path, given: list[str]) -> "subprocess.Popen[str]":
    words = [sys.executable, str(SCRIPT), plugin, str(store), "often", *given]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize(
    ("inputs", "plugin"),
    [
        pytest.param(name, name, marks=[] if name == "classifier" else [pytest.mark.slow])
        for name in TRAININGS
    ],
    indirect=["inputs"],
)
def test_a_killed_task_goes_on_and_gives_the_same_digest(
    inputs: dict[str, Artifact], plugin: str, bench: Bench, tmp_path: Path
) -> None:
    stage, options = TRAININGS[plugin]
    whole = configure(catalog.plugin(stage, plugin).load(), plugin, options)
    ports = {"student": None, **inputs} if stage == "distill" else inputs
    wanted = sealed(whole.run(**ports, task=bench.task("whole", seed=SEED))).digest  # type: ignore[attr-defined]

    store = open_store(str(tmp_path / "store"))
    given = [put(store, artifact, tmp_path / f"{port}.json") for port, artifact in inputs.items()]
    checkpoints, moment = store.cache / "checkpoints", 0.7 * STEPS[plugin]
    process = started(plugin, store.root, given)
    while not any(int(path.name[:9]) >= moment for path in checkpoints.glob("*/*.pt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(list(checkpoints.iterdir())) == 1

    output = started(plugin, store.root, given).communicate(timeout=300)[0]
    state, digest, steps = output.splitlines()[-1].split()
    (reached,) = re.findall(rf"resumed at epoch \d of \d: step (\d+) of {STEPS[plugin]} was reached", output)
    assert (state, digest) == ("done", wanted)
    assert int(reached) >= moment
    assert int(steps) == STEPS[plugin] - int(reached)
    assert not list(checkpoints.iterdir())
