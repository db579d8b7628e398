"""What a task is told when its turn comes, and what Airflow could never run. Needs no Airflow."""

import re

import pytest

from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow.line import ENGINE_FILE, Line, run_name
from slmworks.execution.encoded import unpack
from slmworks.execution.run import Running
from slmworks.execution.spec import TaskSpec

RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}}
  quantize: {uses: toy, from: {model: teacher, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}}
  register: {from: {verdict: gate}, with: {name: toy}}
  approve: {from: {release: register}}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.delenv(ENGINE_FILE, raising=False)
    monkeypatch.delenv("SLMWORKS_TRACKING", raising=False)
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    (tmp_path / "train.csv").write_text("rows")
    (tmp_path / "toy.yaml").write_text(RECIPE)
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "airflow.yaml").write_text("store: ../store\ndefaults: {cpu: 2}\n")
    return tmp_path


@pytest.fixture
def line(place) -> Line:
    return Line.read(place / "toy.yaml")


def test_a_task_finds_its_inputs_in_the_store_by_name(line) -> None:
    words, spec = line.words("gate", "toy.run-1")
    assert words[:3] == ["task", "--orchestrator", "airflow"]
    assert words[3:] == ["--in", "reports=@evaluate.bits=4", "--in", "reports=@evaluate.bits=8"]
    told = TaskSpec.decode(spec)
    assert (told.run, told.id, told.recipe, told.threads) == ("toy.run-1", "gate", "toy", 2)


def test_after_an_approval_the_release_is_that_of_the_first_run(line) -> None:
    words, _ = line.words("approve", "deploy-toy.run-2", "toy.run-1")
    assert words[-2:] == ["--in", "release=@toy.run-1/register"]


def test_local_files_are_pinned_by_the_task_that_fetches_not_by_the_scheduler(line) -> None:
    _, spec = line.words("raw", "toy.run-1")
    (source,) = TaskSpec.decode(spec).sources.values()
    assert source["digests"] == []


def test_the_last_task_is_told_the_plan_and_the_recipe(line) -> None:
    told = unpack(line.closing("toy.run-1", user="anna"))
    assert (told["run"], told["user"], told["recipe"]) == ("toy.run-1", "anna", "toy")
    assert told["text"] == RECIPE
    assert [edge["id"] for edge in unpack(line.closing("x", second=True))["plan"]] == ["approve"]


def test_a_run_s_name_is_a_file_s_name_and_no_two_ids_share_one() -> None:
    assert run_name("toy", "manual-1") == "toy.manual-1"
    name = run_name("toy", "manual__2026-11-28T06:28:26+00:00")
    assert re.fullmatch(r"toy\.20261128-062826-[0-9a-f]{12}", name)
    assert re.fullmatch(r"toy\.by-hand-[0-9a-f]{12}", run_name("toy", "by hand"))
    assert name != run_name("toy", "manual__2026-11-28T06-28-26-00:00")


def test_a_task_knows_where_mlflow_is(line, place, monkeypatch) -> None:
    assert line.environment(None) == {"SLMWORKS_TRACKING": f"sqlite:///{place / 'store/mlflow.db'}"}
    monkeypatch.setenv("SLMWORKS_TRACKING", "http://mlflow:5000")
    assert line.environment(None) == {"SLMWORKS_TRACKING": "http://mlflow:5000"}


def test_without_an_engine_file_the_way_out_is_said(place) -> None:
    (place / "engines" / "airflow.yaml").unlink()
    with pytest.raises(BadRequest, match=f"no engine file: set {ENGINE_FILE} to its path, or put one at "):
        Line.read(place / "toy.yaml")


@pytest.mark.parametrize(
    ("engine", "problem"),
    [
        ("defaults: {cpu: 1}\n", r"engine\.yaml: names no store"),
        ("store: s3://a/b\nairflow: {tasks: pods}\n", r"engine\.yaml:2 airflow\.tasks: .*'process' or 'pod'"),
        (
            "store: s3://a/b\nairflow: {tasks: pod}\n",
            r"steps\.raw\.from: a pod doesn't see this machine's files",
        ),
        ("store: s3://a/b\nairflow: {answer_within: 7 days}\n", r"engine\.yaml:2 airflow\.answer_within"),
        ("store: s3://a/b\nreviewers: {leads: [{id: 3}]}\n", r"engine\.yaml:2 reviewers\.leads"),
    ],
)
def test_what_airflow_could_never_run_is_said_when_the_dag_is_parsed(
    place, monkeypatch, engine, problem
) -> None:
    (place / "engine.yaml").write_text(engine)
    monkeypatch.setenv(ENGINE_FILE, str(place / "engine.yaml"))
    with pytest.raises(BadRequest, match=problem):
        Line.read(place / "toy.yaml")


def test_data_may_arrive_after_the_dag(place) -> None:
    (place / "train.csv").unlink()
    _, spec = Line.read(place / "toy.yaml").words("raw", "run")
    with pytest.raises(
        BadRequest, match=r"no such file: train\.csv; paths are relative to the recipe's folder"
    ):
        Running.prepare(TaskSpec.decode(spec), {}, lambda _: None)


def test_two_tasks_that_would_be_one_on_airflow_are_refused(place) -> None:
    (place / "toy.yaml").write_text(
        "name: toy\nsteps:\n  raw: {stage: fetch, from: {train: train.csv}}\n"
        "  curate: {uses: text, from: {data: raw}, sweep: [{with: {label: a-b}}, {with: {label: a=b}}]}\n"
    )
    with pytest.raises(
        BadRequest, match=r"steps\.curate: curate\.label=a-b and .*label=a=b are one name on Airflow"
    ):
        Line.read(place / "toy.yaml")


def test_what_can_have_other_bytes_tomorrow_is_fetched_again(place) -> None:
    (place / "toy.yaml").write_text(
        RECIPE.replace("{train: train.csv}", '{a: "https://example.org/a.csv"}').replace(
            "./base", '"hf://a/b@main"'
        )
    )
    line = Line.read(place / "toy.yaml")
    fresh = {
        task: TaskSpec.decode(line.words(task, "run")[1]).fresh for task in ("raw", "teacher.model", "curate")
    }
    assert fresh == {"raw": True, "teacher.model": True, "curate": False}
    (place / "toy.yaml").write_text(RECIPE)  # files of this machine count by content
    assert not TaskSpec.decode(Line.read(place / "toy.yaml").words("raw", "run")[1]).fresh
