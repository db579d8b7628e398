"""Recipes that read and write GGUF, as a person runs them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toys import rewritten

from slmworks.contract.artifact import Model

Run = Callable[..., subprocess.CompletedProcess[str]]

RECIPE = """\
name: toy
steps:
  read: {stage: export, uses: hf, from: {model: toy.gguf}}
  write: {stage: export, uses: gguf, from: {model: read}}
  small: {stage: quantize, uses: gguf, from: {model: read}, with: {type: q8_0}}
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*, recipe: str = RECIPE) -> subprocess.CompletedProcess[str]:
        (tmp_path / "toy.yaml").write_text(recipe)
        return subprocess.run(
            [sys.executable, "-m", "slmworks", "run", "toy.yaml", "--tracking", "none", "--store", "store"],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
            env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip

    return run


def manifests(folder: Path) -> dict[str, dict]:
    """Plugin -> manifest of what it made."""
    found = (json.loads(path.read_text()) for path in (folder / "store/tasks").glob("*.json"))
    return {f"{one['producer']['stage']}/{one['producer']['plugin']}": one for one in found}


def test_a_file_becomes_a_folder_a_file_and_a_smaller_one(
    run: Run, llama_gguf: Model, tmp_path: Path
) -> None:
    (tmp_path / "toy.gguf").write_bytes((llama_gguf.path / "model.gguf").read_bytes())
    ended = run()
    assert ended.returncode == 0, ended.stderr
    made = manifests(tmp_path)
    assert {name: one["format"] for name, one in made.items()} == {
        "fetch/files": "files",
        "export/hf": "hf",
        "export/gguf": "gguf",
        "quantize/gguf": "gguf",
    }
    assert made["export/hf"]["summary"]["proof_logprob_difference"] < 1e-3
    assert [made[name]["meta"]["gguf"]["types"] for name in ("export/gguf", "quantize/gguf")] == [
        ["F32"],
        ["Q8_0", "F32"],
    ]


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        (
            "name: toy\nsteps:\n  tune: {stage: export, uses: onnx, from: {model: toy.gguf}}\n",
            "tune.model: takes hf models, this one is gguf; put an export step before it that makes such a model.",
        ),
        (
            "name: toy\nsteps:\n  read: {stage: export, uses: hf, from: {model: toy.gguf}}\n",
            "pre-tokenizer 'mystery' (tokenizer.ggml.pre), so its text cannot be split as it was in training; known:",
        ),
    ],
)
def test_a_step_that_cannot_take_the_file_says_so(
    recipe: str, line: str, run: Run, llama_gguf: Model, tmp_path: Path
) -> None:
    def change(metadata: dict[str, object]) -> None:
        metadata["tokenizer.ggml.pre"] = "mystery"

    rewritten(llama_gguf.path / "model.gguf", tmp_path / "toy.gguf", change)
    ended = run(recipe=recipe)
    assert ended.returncode == 2
    assert line in ended.stderr
    assert "Traceback" not in ended.stderr
    assert set(manifests(tmp_path)) == {"fetch/files"}


def test_formats_that_do_not_fit_are_found_before_anything_runs(
    run: Run, llama_gguf: Model, tmp_path: Path
) -> None:
    (tmp_path / "toy.gguf").write_bytes((llama_gguf.path / "model.gguf").read_bytes())
    recipe = RECIPE + "  again: {stage: export, uses: gguf, from: {model: write}}\n"
    ended = run(recipe=recipe)
    assert ended.returncode == 2
    assert "gguf takes hf models, but 'write' (gguf) makes gguf" in ended.stderr
    assert manifests(tmp_path) == {}
