"""kill -9 at random moments: of the engine, or of a task. What was done stays done, and is whole."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slmworks.contract.manifest import Manifest
from slmworks.execution.records import run_ids, task_records

LINE = 2.5
"""Seconds within which the line of toy steps is killed; it takes about as long."""


@pytest.mark.slow
def test_a_hundred_kills_cost_a_step_each_at_most(works) -> None:
    _survive(works, times=100)


def test_three_kills_cost_a_step_each_at_most(works) -> None:
    _survive(works, times=3)


def _survive(works, times: int) -> None:
    chance = random.Random(7)
    hits = {"engine": 0, "task": 0, "over": 0}
    for number in range(times):
        works.recipe = re.sub(r"seconds: [\d.]+(, rate: [\d.]+)?", f"seconds: 0.4, rate: {(number + 1) / 1000}",
                              works.recipe)  # fmt: skip
        before = set(run_ids(works.store))
        hits[_hurt(works, chance)] += 1
        done = _done(works, before)
        before = set(run_ids(works.store))
        healed = works.start("--cores", "1")
        output, _ = healed.communicate(timeout=120)
        assert healed.returncode == 0, output
        states = {record.task: record.state for record in _records(works, before)}
        assert set(states.values()) <= {"done", "cached"}
        again = {task for task in done if states[task] == "done"}
        assert again == set(), f"kill {number}: {again} were finished and done again"
    assert hits["engine"] + hits["task"] >= times / 2, hits  # most hit a line that was going on
    _check_store(works)
    _check_lineage(works)


def _hurt(works, chance: random.Random) -> str:
    """Start the line and kill its engine, or the task it is at, after a while."""
    engine = works.start("--cores", "1")
    time.sleep(chance.uniform(0.2, LINE))
    scratch = list((works.store.cache / "scratch").glob("*/"))
    victim = "task" if scratch and chance.random() < 0.5 else "engine"
    if engine.poll() is not None:
        return "over"
    try:
        os.kill(int(scratch[0].name.partition("-")[0]) if victim == "task" else engine.pid, signal.SIGKILL)
    except ProcessLookupError:
        victim = "over"
    engine.communicate(timeout=60)
    return victim


def _records(works, before: set[str]) -> list:
    """The records of the one run that began since (none if it was killed before it did)."""
    return [record for run in set(run_ids(works.store)) - before for record in task_records(works.store, run)]


def _done(works, before: set[str]) -> set[str]:
    """Tasks of the killed run whose end is recorded; the commit came before the record."""
    return {record.task for record in _records(works, before) if record.state in ("done", "cached")}


def _check_store(works) -> None:
    """No torn artifact, no torn manifest, nothing left lying about."""
    known = set()
    for key in works.store.list("tasks"):
        manifest = Manifest.read(works.store.read(key) or b"", where=key)
        works.store.verify(manifest)
        known.add(manifest.digest)
    there = {path.name for path in (works.store.root / "objects").iterdir()}
    assert known <= there
    assert len(list((works.store.cache / "parts").iterdir())) <= len(run_ids(works.store))  # swept by age
    assert not list((works.store.cache / "scratch").glob("*/"))


def _check_lineage(works) -> None:
    """Every task of every run once in MLflow, after all those kills."""
    import mlflow

    uri = f"sqlite:///{works.folder / 'mlflow.db'}"
    for _ in range(2):  # a second sync adds nothing
        synced = subprocess.run(
            [sys.executable, "-m", "slmworks", "lineage", "sync", "--store", str(works.store.root),
             "--tracking", uri],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert synced.returncode == 0, synced.stderr
    client = mlflow.MlflowClient(uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    found, token = [], None
    while True:
        page = client.search_runs(experiments, max_results=1000, page_token=token)
        found += [(run.data.tags.get("slmworks.run"), run.data.tags.get("slmworks.task")) for run in page]
        token = page.token
        if not token:
            break
    expected = [(run, "-") for run in run_ids(works.store)]
    for run in run_ids(works.store):
        records = task_records(works.store, run)
        expected += [(run, one.task) for one in records if one.state != "skipped"]
    assert sorted(found) == sorted(expected)
    assert not [path for path in Path(works.folder).rglob("*") if "mlruns" in path.name]
