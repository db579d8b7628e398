"""`slmworks compile`: where it writes, and what it needs of the store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("kfp")

RECIPE = "name: line\nsteps:\n  raw: {stage: fetch, from: {train: train.csv}}\n"
ENGINE = "store: s3://works/store\nimages: example/works\n"


@pytest.fixture
def compile_(tmp_path: Path):
    """Run `slmworks compile` where there is a recipe that reads a local file, with keys or without."""
    (tmp_path / "line.yaml").write_text(RECIPE)
    (tmp_path / "engine.yaml").write_text(ENGINE)
    (tmp_path / "train.csv").write_text("rows")

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        command = [sys.executable, "-m", "slmworks", "compile", "line.yaml", "--engine-file", "engine.yaml"]
        return subprocess.run(
            [*command, *words], cwd=tmp_path, env={**known, **env}, text=True, capture_output=True,
            timeout=120, check=False,
        )  # fmt: skip

    return run


def test_a_check_needs_no_keys_and_its_file_is_called_after_the_recipe(compile_, tmp_path: Path) -> None:
    done = compile_("--no-upload")
    assert done.returncode == 0, done.stderr
    assert "wrote line.kfp.yaml" in done.stdout
    assert done.stderr == "note   local files of raw are not in the store; no run finds them\n"
    assert "brought:" in (tmp_path / "line.kfp.yaml").read_text()


def test_where_local_files_cannot_go_the_way_out_is_said_and_nothing_is_written(compile_, tmp_path) -> None:
    done = compile_(
        AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_REGION="eu-1", AWS_ENDPOINT_URL="http://127.0.0.1:9"
    )  # fmt: skip
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.endswith("Local files go there; --no-upload leaves them out.")
    assert not (tmp_path / "line.kfp.yaml").exists()
