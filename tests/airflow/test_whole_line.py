"""The line at toy size on Airflow, with the real plugins and a person who answers through the API."""

import sys

import pytest
from homes import listed
from test_first_line import Line

from slmworks.contract.artifact import Dataset, Model
from slmworks.execution.records import run_ids, run_record, task_records
from slmworks.registry.log import Registry
from slmworks.store import open_store

ENGINE = """\
store: STORE
defaults: {cpu: 1, retries: 1}
airflow: {python: PYTHON}
"""
DAGS = """\
from slmworks.engines.airflow import deploy, render
dag = render("RECIPE")
deploy_dag = deploy("RECIPE")
"""
APPROVE = {"user": "anna", "option": "Approve", "reason": "keeps everything"}


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Model, tiny_reviews: Dataset, new_home
) -> Line:
    """The line after its first run; the tests below go on from there in order."""
    line = Line(tmp_path_factory.mktemp("airflow-line"), tiny_encoder, tiny_reviews)
    line.store = open_store(str(line.folder / ".slmworks"))
    line.home = new_home(line.folder / "home", ENGINE.replace("STORE", str(line.folder / ".slmworks")))
    line.home.dag("tiny", DAGS.replace("RECIPE", str(line.folder / "tiny.yaml")))
    line.ended = line.home.drive(dag="tiny", answer=APPROVE)
    return line


def newest(line: Line) -> str:
    """The run that began last."""
    return max(run_ids(line.store), key=lambda run: run_record(line.store, run).started)


def test_a_person_approves_and_all_tasks_are_green(line: Line) -> None:
    assert line.ended.said["state"] == "success", line.ended.log[-5000:]
    assert set(line.ended.tasks.values()) == {"success"}


def test_the_reviewer_sees_the_packet(line: Line) -> None:
    (answer,) = line.ended.said["answers"]
    assert answer["asked"]["subject"] == "tiny v1: approve it as the first champion?"
    assert "| teacher | " in answer["asked"]["body"]
    assert "tf-idf" in answer["asked"]["body"]
    assert "[The whole packet](/slmworks/dags/tiny/runs/" in answer["asked"]["body"]


def test_the_log_has_who_how_why_and_which_digest(line: Line) -> None:
    champion = Registry(line.store).state("tiny").champion
    entry = champion.decided
    assert (entry.who, entry.how, entry.why) == ("anna", "airflow: signed in", "keeps everything")
    assert entry.model_digest == line.record("register")["manifest"]["meta"]["model_digest"]
    assert (champion.registered.started_by, champion.registered.started_how) == (
        "dag_test",
        "airflow: triggered the run",
    )


def test_xcom_holds_paths_and_the_answer_alone(line: Line) -> None:
    said = line.ended.said["xcoms"]
    answer = said.pop("approve.ask/return_value")
    assert answer["responded_by_user"] == {"id": "anna", "name": "anna"}
    for path in said.values():
        assert line.store.read(path) is not None, path


def test_the_model_s_asset_has_an_event(line: Line) -> None:
    (event,) = line.ended.said["events"]
    (run,) = run_ids(line.store)
    assert event["uri"] == "models:/tiny@champion"
    assert event["extra"]["run"] == run
    assert event["extra"]["digest"] == Registry(line.store).state("tiny").champion.registered.model_digest


def test_the_record_says_airflow_and_nothing_waits_any_more(line: Line) -> None:
    (run,) = run_ids(line.store)
    record = run_record(line.store, run)
    assert (record.engine, record.state, record.waiting) == ("airflow", "done", None)
    assert record.user == "dag_test"


def test_mlflow_shows_the_champion(line: Line) -> None:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{line.folder / '.slmworks/mlflow.db'}")
    (shown,) = client.search_model_versions("name = 'tiny'")
    assert client.get_registered_model("tiny").aliases["champion"] == shown.version


@pytest.mark.slow
def test_the_same_digests_as_the_local_engine_in_a_store_of_its_own(line: Line) -> None:
    line("run", "tiny.yaml", "--store", "elsewhere", "--tracking", "none")
    store = open_store(str(line.folder / "elsewhere"))
    (run,) = run_ids(store)
    local = {task.task: task.manifest.digest for task in task_records(store, run) if task.manifest}
    (run,) = run_ids(line.store)
    here = {task.task: task.manifest.digest for task in task_records(line.store, run) if task.manifest}
    measured = {task for task in local if task.startswith(("speed", "gate", "register"))}  # hold timings
    assert {task: digest for task, digest in local.items() if task not in measured} == {
        task: digest for task, digest in here.items() if task not in measured
    }


def test_what_follows_the_approval_runs_as_a_dag_of_its_own(line: Line) -> None:
    (run,) = run_ids(line.store)
    ended = line.home.drive(dag="deploy-tiny", conf={"run": run})
    assert ended.tasks == {"approve": "success", "deploy": "success", "close": "success"}, ended.log[-5000:]
    assert "tiny v1 answers" in ended.log
    run = newest(line)
    made = {task.task: task.manifest.digest for task in task_records(line.store, run)}
    assert run.startswith("deploy-tiny.")
    assert made["approve"] == line.record("register")["manifest"]["digest"]
    assert run_record(line.store, run).state == "done"


@pytest.mark.slow
def test_without_an_event_the_champion_is_deployed(line: Line) -> None:
    ended = line.home.drive(dag="deploy-tiny")
    assert set(ended.tasks.values()) == {"success"}


def test_a_second_run_does_no_work_and_asks_nobody(line: Line) -> None:
    ended = line.home.drive(dag="tiny")
    assert ended.said["state"] == "success"
    assert listed(ended.tasks, "skipped") == {"approve.record"}  # what follows an approval has followed
    assert ended.said["events"] == []
    assert "tiny v1 was approved by anna" in ended.log
    made = {task.task: task.state for task in task_records(line.store, newest(line))}
    assert set(made.values()) - {"skipped"} == {"cached", "done"}
    assert listed(made, "done") == {"register"}  # never cached, and the same version


@pytest.mark.slow
def test_the_command_line_was_first_and_airflow_is_told(line: Line) -> None:
    words = [sys.executable, "-m", "slmworks", "reject", "tiny", "2", "--because=no", "--user=vera"]
    before = " ".join([*words, f"--store={line.folder / '.slmworks'}", "--tracking=none"])
    ended = line.home.drive(dag="tiny", conf={"student.epochs": 4}, answer={**APPROVE, "before": [before]})
    assert ended.said["state"] == "failed"
    assert ended.states("approve.ask", "approve.record") == ["success", "failed"]
    assert "tiny v2 was rejected by vera" in ended.log
    assert "The first decision counts" in ended.log
    assert Registry(line.store).state("tiny").champion.number == 1


@pytest.mark.slow
def test_nobody_is_asked_about_bytes_that_were_rejected(line: Line) -> None:
    ended = line.home.drive(dag="tiny", conf={"student.epochs": 4})
    assert ended.states("approve.ask", "approve.record") == ["skipped", "skipped"]
    assert "tiny v2 was rejected by vera" in ended.log


@pytest.mark.slow
def test_a_form_changes_options_and_a_rejection_ends_the_line(line: Line) -> None:
    ended = line.home.drive(
        dag="tiny",
        conf={"student.epochs": 5, "gate.retention": 0.4},
        answer={"user": "ben", "option": "Reject", "reason": "too dear"},
    )
    (answer,) = ended.said["answers"]
    assert answer["asked"]["body"].startswith(
        "**Attention: the gate's limits were changed by dag\\_test: retention 0.5 → 0.4**\n\n"
    )
    assert ended.said["state"] == "success"
    assert ended.states("approve.ask", "approve.record", "approve.close") == ["success", "skipped", "success"]
    assert ended.said["events"] == []
    state = Registry(line.store).state("tiny")
    assert (state.champion.number, state.version(3).status) == (1, "rejected")
    assert (state.version(3).decided.who, state.version(3).decided.why) == ("ben", "too dear")
    assert "#   student.epochs: 5" in run_record(line.store, newest(line)).text


@pytest.mark.slow
def test_a_refused_gate_is_a_normal_end(line: Line) -> None:
    ended = line.home.drive(dag="tiny", conf={"with": {"gate": {"smaller": 1000}}})
    assert ended.said["state"] == "success"
    assert listed(ended.tasks, "skipped") == {"gate", "register", "approve.ask", "approve.record"}
    assert run_record(line.store, newest(line)).state == "refused"


def test_what_can_t_be_planned_is_said_by_every_task_and_never_tried_again(line: Line) -> None:
    ended = line.home.drive(dag="tiny", conf={"with": {"student": {"temprature": 2}}})
    assert ended.said["state"] == "failed"
    assert ended.states("raw", "close") == ["failed", "failed"]
    assert "no such option of logit-kd. Did you mean 'temperature'?" in ended.log
    assert "UP_FOR_RETRY" not in ended.log
