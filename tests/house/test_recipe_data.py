"""Data that recipes bring along are what their scripts make."""

import subprocess
import sys
from pathlib import Path

DATA = Path(__file__).parents[2] / "pipelines" / "bookings"


def test_bookings_are_what_the_script_makes() -> None:
    made = subprocess.run([sys.executable, DATA / "bookings.py"], capture_output=True, check=True)
    assert made.stdout == (DATA / "bookings.csv").read_bytes()
