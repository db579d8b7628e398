"""kill -9 at random moments of a curation: the next run ends with the data set of the first."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slmworks.execution.records import run_ids, task_records
from slmworks.store import open_store

RECIPE = """
name: killed
steps:
  raw: {stage: fetch, from: {train: rows.csv}}
  curate: {uses: text, from: {data: raw}, with: {redact: [email, phone], near_duplicates: 0.8}}
"""
ROWS, KILLS = 20_000, 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    chance = random.Random(3)
    words = [f"word{i}" for i in range(3000)]
    with (tmp_path / "rows.csv").open("w") as file:
        file.write("text,label\n")
        for i in range(ROWS):
            file.write(f"{' '.join(chance.choices(words, k=12))} to me{i}@example.org,{'ab'[i % 2]}\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def start(folder: Path, store: Path) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "slmworks",
        "run",
        "recipe.yaml",
        "--store",
        str(store),
        "--tracking",
        "none",
    ]
    return subprocess.Popen(
        command,
        cwd=folder,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def digests(folder: Path) -> set[str]:
    """Digests of the data sets that runs ended with."""
    store = open_store(str(folder))
    records = [record for run in run_ids(store) for record in task_records(store, run)]
    return {one.result.digest for one in records if one.task == "curate" and one.result}


@pytest.mark.slow
def test_twenty_kills_and_the_same_data_set(folder: Path) -> None:
    began = time.monotonic()
    whole = start(folder, folder / "whole")
    whole.communicate()
    assert whole.returncode == 0
    lasts, chance, hit = time.monotonic() - began, random.Random(7), 0
    while hit < KILLS:
        store = folder / f"store{hit % 4}"  # some are hit more than once
        running = start(folder, store)
        time.sleep(chance.uniform(0.1, 0.95 * lasts))
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            hit += 1
        running.communicate()
    for number in range(4):
        store = folder / f"store{number}"
        healed = start(folder, store)
        output, _ = healed.communicate()
        assert healed.returncode == 0, output
        assert digests(store) == digests(folder / "whole")
