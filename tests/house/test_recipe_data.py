"""Data that recipes bring along are what their scripts make."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "pipelines" / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_example_data_are_what_their_script_makes(script: Path) -> None:
    made = subprocess.run([sys.executable, script], capture_output=True, check=True)
    assert made.stdout == script.with_suffix(".csv").read_bytes()


def test_there_are_scripts() -> None:
    assert {path.stem for path in SCRIPTS} == {path.stem for path in EXAMPLES.glob("*.csv")} != set()
