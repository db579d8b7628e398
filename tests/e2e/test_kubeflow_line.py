"""The line at toy size on Kubeflow: up to the approval, the approval, and what follows it."""

import os
import subprocess
import sys
from pathlib import Path

import libyaml
import pytest
from kfp_api import FakeKfp
from local_kfp import compiled, run_pipeline
from test_first_line import Line

from slmworks.contract.artifact import Dataset, Model
from slmworks.execution.records import task_records
from slmworks.store import open_store

ENGINE = """\
store: .slmworks
images: registry.example/works
defaults: {cpu: 1}
kubeflow: {host: HOST, on_approval: submit}
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model, tiny_reviews: Dataset) -> Line:
    """The line after its first pipeline has run; the tests below go on from there in order."""
    line = Line(tmp_path_factory.mktemp("kubeflow"), tiny_encoder, tiny_reviews)
    line.store = open_store(str(line.folder / ".slmworks"))
    line.pipelines = compiled(line.folder / "tiny.yaml", line.store, ENGINE)
    line.ended = run_pipeline(line.pipelines.first, line.store, line.folder / "root")
    return line


def test_it_ends_at_register_and_no_pod_waits(line: Line) -> None:
    assert line.ended.succeeded, line.ended.log
    assert line.ended.states["register"] == "done"
    assert line.ended.states["approve"] == line.ended.states["deploy"] == "skipped"
    assert "approve" not in line.ended.folders
    assert line.ended.record.waiting == ("tiny", 1)
    assert "tf-idf" in (line.ended.folders["gate"] / "page").read_text()


def test_a_confusion_matrix_is_shown_of_what_was_measured(line: Line) -> None:
    import json

    said = json.loads((line.ended.folders["baseline"] / "executor_output.json").read_text())
    shown = said["artifacts"]["confusion"]["artifacts"][0]["metadata"]["confusionMatrix"]
    assert [one["displayName"] for one in shown["annotationSpecs"]] == ["negative", "neutral", "positive"]
    rows = line.record("baseline")["manifest"]["summary"]["n"]
    assert sum(sum(row["row"]) for row in shown["rows"]) == rows


def test_on_this_machine_nothing_has_to_be_made_again(line: Line) -> None:
    said = line("run", "tiny.yaml")
    remade = [task for task in line.ended.states if f"✓ {task}: " in said and not task.startswith("speed")]
    assert remade in ([], ["register"])  # register is never cached, and gives the same version
    assert "tiny v1 is candidate" in said
    assert line.record("register")["manifest"]["digest"] == line.ended.digests["register"]


@pytest.mark.slow
def test_the_same_digests_as_the_local_engine_in_a_store_of_its_own(line: Line) -> None:
    line("run", "tiny.yaml", "--store", "elsewhere", "--tracking", "none")
    store = open_store(str(line.folder / "elsewhere"))
    (run,) = {key.split("/")[1] for key in store.list("runs/")}
    local = {task.task: task.manifest.digest for task in task_records(store, run) if task.manifest}
    measured = {task for task in local if task.startswith(("speed", "gate", "register"))}  # hold timings
    assert {task: digest for task, digest in local.items() if task not in measured} == {
        task: digest for task, digest in line.ended.digests.items() if task not in measured
    }


def test_an_approval_submits_what_follows_it(line: Line) -> None:
    with FakeKfp() as kubeflow:
        (line.folder / "engine.yaml").write_text(ENGINE.replace("HOST", kubeflow.url))
        env = {**os.environ, "NO_COLOR": "1", "KUBEFLOW_TOKEN": ""}
        done = subprocess.run(
            [sys.executable, "-m", "slmworks", "approve", "tiny", "--because", "a test", "--engine-file", "engine.yaml"],
            cwd=line.folder, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (second,) = kubeflow.runs
        (asked,) = kubeflow.asked("POST", "/runs")
        assert kubeflow.violations == []
    assert f"after the approval of run {line.ended.run} · run {second}" in done.stdout
    assert asked.body["runtime_config"] == {"parameters": {"first_run": line.ended.run}}
    spec, platform = libyaml.load_all(line.pipelines.second)
    assert asked.body["pipeline_spec"]["platform_spec"] == platform
    assert asked.body["pipeline_spec"]["pipeline_spec"]["root"] == spec["root"]


def test_what_follows_hands_the_release_to_deploy(line: Line, tmp_path: Path) -> None:
    second = run_pipeline(line.pipelines.second, line.store, tmp_path, first_run=line.ended.run)
    assert second.succeeded, second.log
    assert second.states == {"approve": "done", "deploy": "done"}
    assert second.digests["approve"] == line.ended.digests["register"]
    assert "approve: tiny v1 approved by" in second.log


def test_what_was_not_approved_is_not_deployed(line: Line, tmp_path: Path) -> None:
    line("reject", "tiny", "1", "--because", "a test")
    second = run_pipeline(line.pipelines.second, line.store, tmp_path, first_run=line.ended.run)
    assert not second.succeeded
    assert second.states == {"approve": "failed", "deploy": "skipped"}
    assert "it is not served" in second.log


def test_a_run_that_left_nothing_is_said(line: Line, tmp_path: Path) -> None:
    second = run_pipeline(line.pipelines.second, line.store, tmp_path, first_run="nope")
    assert not second.succeeded
    assert "run nope left nothing of register in" in second.log
