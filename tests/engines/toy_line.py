"""The toy line: a folder with data, a recipe of toy steps and a store."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from slmworks.cli.display import Plain
from slmworks.cli.edits import with_changes
from slmworks.engines.local import Run
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe
from slmworks.store import open_store

TOY = Path(__file__).parent.parent / "toy"

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: validation.csv, test: test.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {seconds: SECONDS}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
"""


def show_toys(patch: pytest.MonkeyPatch) -> None:
    """Let the processes that an engine starts find the toy family too."""
    patch.setenv("PYTHONPATH", os.pathsep.join([str(TOY), os.environ.get("PYTHONPATH", "")]))


class Works:
    """A folder with data, a recipe and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "base").mkdir()
        for name in ("config.json", "model.safetensors"):
            (folder / "base" / name).write_text("{}")
        for split in ("train", "validation", "test"):
            (folder / f"{split}.csv").write_text(f"{split} rows")
        self.store = open_store(str(folder / ".slmworks"))
        self.recipe = RECIPE.replace("SECONDS", "0")

    def write(self) -> Path:
        """The recipe as a file."""
        path = self.folder / "toy.yaml"
        path.write_text(self.recipe)
        return path

    def run(self, *, changes: Sequence[str] = (), **options: Any) -> Run:
        """Run the recipe in this process's engine; `changes` are those of `--set`."""
        planned = with_changes(plan(Recipe.read(self.write())), changes)
        run = Run(planned, self.store, 2, Plain(), **options)
        run.execute()
        return run

    def states(self, run: Run) -> dict[str, str]:
        """Task -> state."""
        return {task: outcome.state for task, outcome in run.outcomes.items()}

    def digests(self, run: Run) -> dict[str, str]:
        """Task -> digest of what it made."""
        return {task: outcome.manifest.digest for task, outcome in run.outcomes.items() if outcome.manifest}

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Run the recipe as a person would."""
        return subprocess.Popen(
            [sys.executable, "-m", "slmworks", "run", str(self.write()), "--store", str(self.store.root),
             "--tracking", "none", *more],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  (a background shell ignores it)
        )  # fmt: skip

    def record(self, run: str, task: str) -> dict[str, Any]:
        """A task's record."""
        return dict(json.loads(self.store.read(f"runs/{run}/{task}.json") or b"{}"))
