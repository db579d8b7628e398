"""A whole generative line, trained from nothing: here on the local engine, in the slow lane on the others too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RECIPE = ROOT / "pipelines" / "tiny-generator.yaml"


def test_it_learns_its_small_domain_and_waits_for_approval(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", "run", RECIPE, "--store", str(tmp_path), "--tracking", "none"],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False, timeout=1500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    record = json.loads(next(tmp_path.glob("runs/*/gate.json")).read_text())
    verdict = json.loads((tmp_path / "objects" / record["manifest"]["digest"] / "verdict.json").read_text())
    chosen = next(row for row in verdict["rows"] if row["chosen"])
    nearest = next(row for row in verdict["rows"] if row["name"] == "nearest training answer")
    assert verdict["passed"]
    right = [row["measures"]["exact_match"]["value"] for row in (chosen, nearest)]
    assert right[0] > max(0.6, right[1])
    assert "lights v1 is candidate" in ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["tiny-generator", "distil-generator"])
def test_it_is_the_same_on_every_engine(recipe: str, tmp_path: Path) -> None:
    path = RECIPE.with_stem(recipe)
    ended = subprocess.run(
        [sys.executable, HERE / "conformance.py", path, "--work", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=3600,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Airflow" in ended.stdout
