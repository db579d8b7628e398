"""A task that an orchestrator starts by command line: `slmworks task --orchestrator`."""

import os
import subprocess
import sys

from slmworks.execution.records import run_record, task_records
from slmworks.recipe.lower import plan
from slmworks.recipe.recipe import Recipe


def start(works, task: str, *inputs: str, options: dict | None = None, run: str = "dag.run-1"):
    """Run one task of the recipe as Airflow does."""
    planned = plan(Recipe.read(works.write())).tasks[task]
    spec = planned.spec(run=run, store=works.store.url, sources=planned.sources, threads=1, recipe="toy")
    if options:
        spec = spec.model_copy(update={"options": {**spec.options, **options}})
    given = [word for one in inputs for word in ("--in", one)]
    return subprocess.run(
        [sys.executable, "-m", "slmworks", "task", "--orchestrator", "airflow", *given, "--spec", "-"],
        input=spec.encode(), capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


def test_inputs_are_found_by_the_names_of_the_tasks_that_made_them(works) -> None:
    assert start(works, "raw").returncode == 0
    assert start(works, "teacher.model").returncode == 0
    done = start(works, "curate", "data=@raw")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("✓ curate")
    assert start(works, "teacher", "model=@teacher.model", "data=@curate").returncode == 0
    assert start(works, "curate", "data=@dag.run-1/raw", run="dag.run-2").returncode == 0
    assert run_record(works.store, "dag.run-1").engine == "airflow"
    assert [task.state for task in task_records(works.store, "dag.run-2")] == ["cached"]


def test_an_input_that_is_not_there_is_one_line_and_a_record(works) -> None:
    done = start(works, "curate", "data=@raw")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("slmworks: run dag.run-1 left nothing of raw in ")
    (record,) = task_records(works.store, "dag.run-1")
    assert (record.state, record.error) == ("failed", done.stderr.strip().removeprefix("slmworks: "))


def test_a_wrong_option_is_a_bad_request_with_a_record(works) -> None:
    start(works, "raw")
    done = start(works, "teacher", "model=@raw", "data=@raw", options={"epochs": 0})
    assert done.returncode == 2
    assert "epochs: input should be greater than 0, got 0." in done.stderr
    assert [task.state for task in task_records(works.store, "dag.run-1")] == ["done", "failed"]


def test_a_refused_gate_ends_with_99(works) -> None:
    works.recipe = works.recipe.replace("gate: {uses: toy,", "gate: {uses: toy, with: {allow: false},")
    for task, *inputs in (
        ("raw",), ("teacher.model",), ("curate", "data=@raw"), ("teacher", "model=@teacher.model", "data=@curate"),
        ("student", "teacher=@teacher", "data=@curate"), ("quantize.bits=4", "model=@student", "calibration=@curate"),
        ("evaluate.bits=4", "model=@quantize.bits=4", "data=@curate"),
    ):  # fmt: skip
        done = start(works, task, *inputs)
        assert done.returncode == 0, done.stderr
    done = start(works, "gate", "reports=@evaluate.bits=4")
    assert done.returncode == 99
    assert "refused" in done.stdout.splitlines()[-1]


def close(told: str) -> subprocess.CompletedProcess:
    """End a run as its last task does."""
    return subprocess.run(
        [sys.executable, "-m", "slmworks", "close", "--orchestrator", "airflow", "--what", "-"],
        input=told, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_run_that_is_looked_at_again_stays_what_it_was(works) -> None:
    from slmworks.execution.encoded import pack
    from slmworks.recipe.plan import plan_record

    start(works, "raw")
    planned = plan(Recipe.read(works.write()))
    told = {"store": works.store.url, "run": "dag.run-1"}
    first = close(pack({**told, **plan_record(planned), "plan": [planned.tasks["raw"].edge()]}))
    assert (first.returncode, first.stderr) == (0, "")
    before = run_record(works.store, "dag.run-1")
    again = close(pack(told))
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "dag.run-1: done")
    assert run_record(works.store, "dag.run-1") == before


def test_a_run_that_failed_is_seen_by_its_exit_code(works) -> None:
    from slmworks.execution.encoded import pack
    from slmworks.recipe.plan import plan_record

    start(works, "curate", "data=@raw")
    planned = plan(Recipe.read(works.write()))
    told = {"store": works.store.url, "run": "dag.run-1", **plan_record(planned)}
    assert close(pack(told)).returncode == 3
    assert run_record(works.store, "dag.run-1").state == "failed"
