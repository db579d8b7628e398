"""The tutorial of CONTRIBUTING.md, followed to the letter: written, installed, found, checked, run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = re.compile(r"^`(slmworks-minimum/[^`]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)

RECIPE = """\
name: mine
steps:
  raw: {stage: fetch, from: {train: train.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  evaluate: {uses: toy, from: {model: ./base, data: curate}}
  gate: {uses: minimum, from: {reports: evaluate}, with: {accuracy: 0.9}}
"""


def test_a_plugin_written_from_the_tutorial_works(tmp_path: Path) -> None:
    files = FILE.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert len(files) == 3
    for name, text in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    site = tmp_path / "site"
    _do(sys.executable, "-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps",
        f"--target={site}", str(tmp_path / "slmworks-minimum"))  # fmt: skip
    toy = ROOT / "tests/toy"
    env = {
        **os.environ,
        "PYTHONPATH": f"{site}{os.pathsep}{toy}",
        "SLMWORKS_TRACKING": "none",
        "NO_COLOR": "1",
    }
    slmworks = (sys.executable, "-m", "slmworks")

    assert "minimum" in _do(*slmworks, "plugins", env=env)
    shown = _do(*slmworks, "plugins", "show", "gate/minimum", env=env)
    assert "accuracy: number > 0 < 1 = 0.8" in shown
    (tmp_path / "base").mkdir()
    for name in ("train.csv", "test.csv", "base/config.json", "base/model.safetensors"):
        (tmp_path / name).write_text("{}")
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(RECIPE.replace("0.9", "1.9"))
    assert "steps.gate.with.accuracy: input should be less than 1" in _do(
        *slmworks, "check", str(recipe), env=env, code=2
    )
    recipe.write_text(RECIPE)
    store = tmp_path / "store"
    said = _do(*slmworks, "run", str(recipe), "--store", str(store), env=env, code=99)
    assert "refused: 50.0% accurate, 90.0% required" in said
    record = json.loads(next(store.glob("runs/*/gate.json")).read_text())
    assert record["state"] == "refused"
    assert record["manifest"]["producer"]["distribution"] == "slmworks-minimum"
    walked = _do(*slmworks, "lineage", record["manifest"]["digest"], "--store", str(store), env=env)
    assert "gate minimum" in walked
    assert "fetch files" in walked


def _do(*command: str, env: dict[str, str] | None = None, code: int = 0) -> str:
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == code, ended
    return ended.stdout + ended.stderr
