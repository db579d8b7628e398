"""Two students of one generator at toy size: approved as a whole line, and a teacher that is paid once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slmworks.ledger.in_store import StoreLedger
from slmworks.store import open_store

ROOT = Path(__file__).parent.parent.parent
RECIPE = ROOT / "pipelines" / "distil-generator.yaml"


pytestmark = pytest.mark.slow


def run(recipe: Path, store: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "slmworks", "run", recipe, "--store", str(store), "--tracking", "none"],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False, timeout=1500,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the line after its first run."""
    store = tmp_path_factory.mktemp("distil")
    assert "small-lights v1 is candidate" in run(RECIPE, store)
    return store


def paid(store: Path) -> dict[str, int]:
    """What was asked of the teacher -> its tokens so far."""
    opened = open_store(str(store))
    found = {}
    for identity in opened.children("ledgers/"):
        about = json.loads(opened.read(f"ledgers/{identity}/about.json"))
        found[about["name"]] = StoreLedger(opened, identity).spent.tokens
    return found


def test_both_students_are_judged_beside_their_teacher(store: Path) -> None:
    record = json.loads(next(store.glob("runs/*/gate.json")).read_text())
    verdict = json.loads((store / "objects" / record["manifest"]["digest"] / "verdict.json").read_text())
    assert verdict["passed"]
    assert sum(row["name"].startswith("gguf-q8_0") for row in verdict["rows"]) == 2


def test_another_student_costs_no_token_of_the_teacher(store: Path, tmp_path: Path) -> None:
    before = paid(store)
    assert set(before) == {"logprobs", "answers"}
    assert min(before.values()) > 1000
    other = tmp_path / "other.yaml"
    text = RECIPE.read_text().replace("epochs: 4", "epochs: 1").replace("retention: 0.8", "retention: 0.01")
    other.write_text(text.replace("examples/", f"{RECIPE.parent}/examples/"))
    run(other, store)
    assert paid(store) == before
