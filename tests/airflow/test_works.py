"""Airflow's four components on 127.0.0.1, asked as a browser asks them, with the line at toy size."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from homes import ROOT
from rest import Rest, until
from test_first_line import Line

from slmworks.contract.artifact import Dataset, Model
from slmworks.engines.airflow.line import run_name
from slmworks.execution.records import run_record, task_records
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks_airflow.api import Found
from slmworks_airflow.works import Works

pytestmark = pytest.mark.airflow

ENGINE = """\
store: STORE
TRACKING
defaults: {cpu: 1, retries: 1}
airflow: {python: PYTHON}
reviewers: {ml-leads: [anna]}
"""
DAGS = """\
from slmworks.engines.airflow import deploy, render
dag = render("RECIPE")
deploy_dag = deploy("RECIPE")
"""
BROKEN = {
    "misspelt": ("epochs: 6, learning_rate: 3e-3, batch_size: 16}", "temprature: 2}"),
    "foreign": ("uses: logit-kd", "uses: foreign-kd"),
}
"""Recipe -> what is written in it instead of what."""


class Working(Line):
    """The line's folder, and the components that run it."""

    works: Works
    found: Found
    first = ""
    """The first run."""

    def prepare(self, python: Path) -> None:
        """Recipes, DAGs and the engine file; nothing is started."""
        recipe = (self.folder / "tiny.yaml").read_text()
        asks = "approve: {from: {release: register}, with: {reviewers: [ml-leads]}}"
        (self.folder / "tiny.yaml").write_text(recipe.replace("approve: {from: {release: register}}", asks))
        dags = self.folder / "dags"
        dags.mkdir()
        for name in ("tiny", "missing", *BROKEN):
            (dags / f"{name}.py").write_text(DAGS.replace("RECIPE", str(self.folder / f"{name}.yaml")))
        for name, (old, new) in BROKEN.items():
            assert old in recipe
            (self.folder / f"{name}.yaml").write_text(recipe.replace(old, new))
        self.engine()
        self.store = open_store(str(self.folder / ".slmworks"))
        self.works = Works(
            self.folder / "home",
            dags,
            free_port(),
            users="admin:admin,anna:user,ben:user,vera:viewer",
            engine_file=self.folder / "engine.yaml",
            python=python,
        )

    def engine(self, tracking: str = "") -> None:
        """Write the engine file; a task that starts later goes by it."""
        text = ENGINE.replace("STORE", str(self.folder / ".slmworks")).replace("PYTHON", sys.executable)
        said = f"tracking: {tracking}" if tracking else ""
        (self.folder / "engine.yaml").write_text(text.replace("TRACKING", said))

    def as_user(self, user: str) -> Rest:
        """The API, for a user."""
        return Rest(self.works.url, user, self.works.passwords[user])

    def below(self, component: str) -> list[psutil.Process]:
        """What a component started."""
        started = self.works.components[component].process
        found = psutil.Process(started.pid).children(recursive=True)
        return [one for one in found if alive(one.pid)]

    def made(self, run: str, dag: str = "tiny") -> dict[str, str]:
        """Task -> what its record says of a run."""
        return {task.task: task.state for task in task_records(self.store, run_name(dag, run))}


@pytest.fixture(scope="module")
def line(
    tmp_path_factory: pytest.TempPathFactory, airflow_python: Path, tiny_encoder: Model, tiny_reviews: Dataset
) -> Iterator[Working]:
    """Everything started, nothing run; the tests below go on from there in order."""
    line = Working(tmp_path_factory.mktemp("works"), tiny_encoder, tiny_reviews)
    line.prepare(airflow_python)
    with line.works:
        line.found = line.works.wait_ready()
        yield line


@pytest.fixture
def admin(line: Working) -> Rest:
    return line.as_user("admin")


@pytest.fixture
def anna(line: Working) -> Rest:
    return line.as_user("anna")


def alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


# --- the folder of DAGs --------------------------------------------------------------------------------


def test_what_was_read_is_known_when_it_is_ready(line: Working) -> None:
    assert [dag["dag_id"] for dag in line.found.dags] == ["deploy-tiny", "tiny"]
    assert not any(dag["is_paused"] for dag in line.found.dags)
    assert line.found.empty == []


def test_what_can_t_be_rendered_is_one_line(line: Working, admin: Rest) -> None:
    errors = line.found.errors
    assert set(errors) == {"foreign.py", "misspelt.py", "missing.py"}
    assert (
        "misspelt.yaml:10 steps.student.with.temprature: no such option of logit-kd" in errors["misspelt.py"]
    )
    assert "foreign.yaml:9 steps.student.uses: no such distill plugin 'foreign-kd'" in errors["foreign.py"]
    assert f"{line.folder / 'missing.yaml'}: no such recipe." in errors["missing.py"]
    assert not any("\n" in said for said in errors.values())
    shown = admin.import_errors()
    assert {Path(file).name for file in shown} == set(errors)


def test_nothing_listens_but_on_this_machine(line: Working) -> None:
    listening = [
        (name, connection.laddr)
        for name, component in line.works.components.items()
        for pid in component.members()
        for connection in psutil.Process(pid).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("api-server", ("127.0.0.1", line.works.port))]


# --- the first run -------------------------------------------------------------------------------------


def test_a_task_that_was_killed_is_tried_again_and_what_was_done_stays(line: Working, admin: Rest) -> None:
    line.first = run = admin.trigger("tiny")
    (training,) = until(lambda: [one for one in line.below("scheduler") if trains(one)], bool, "teacher")
    until(lambda: "teacher: epoch" in admin.log("tiny", run, "teacher"), [True], "training")
    training.send_signal(signal.SIGKILL)
    admin.wait_task("tiny", run, "teacher", "up_for_retry")
    assert "was killed (signal 9" in admin.log("tiny", run, "teacher")
    admin.wait_asked("tiny", run)
    tries = {task["task_id"]: task["try_number"] for task in admin.tasks("tiny", run)}
    assert {task for task, count in tries.items() if count > 1} == {"teacher"}
    assert line.made(run)["teacher"] == line.made(run)["curate"] == "done"


def trains(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return {"slmworks", "task", "model=@teacher.model"} <= set(process.cmdline())
    return False


def test_while_a_person_is_asked_nothing_waits(line: Working) -> None:
    titles = {" ".join(one.cmdline()).strip() for one in line.below("scheduler")}
    assert titles == {"airflow worker -- LocalExecutor: <idle>"}


def test_the_question_is_the_packet(line: Working, anna: Rest) -> None:
    asked = anna.asked("tiny", line.first, "approve.ask")
    assert asked["subject"] == "tiny v1: approve it as the first champion?"
    assert "| teacher | " in asked["body"]
    assert "The recipe asks ml-leads (anna)." in asked["body"]
    assert asked["assigned_users"] == [{"id": "anna", "name": "anna"}]


def test_it_survives_the_death_of_the_scheduler(line: Working, admin: Rest) -> None:
    line.works.components["scheduler"].kill()
    line.works.start("scheduler")
    assert admin.states("tiny", line.first)["approve.ask"] == "awaiting_input"


def test_nobody_else_may_answer(line: Working) -> None:
    for user in ("ben", "vera", "admin"):
        assert line.as_user(user).answer("tiny", line.first, "Approve", "because").status_code == 403


def test_an_approval_is_in_the_log_and_moves_the_champion(line: Working, anna: Rest) -> None:
    assert anna.answer("tiny", line.first, "Approve", "keeps everything").status_code == 200
    assert anna.answer("tiny", line.first, "Reject", "changed my mind").status_code == 409
    assert anna.wait_run("tiny", line.first, 120) == "success"
    entry = json.loads((line.folder / ".slmworks/registry/tiny/000002.json").read_text())
    assert (entry["action"], entry["who"], entry["why"]) == ("approve", "anna", "keeps everything")
    assert entry["how"] == "airflow: signed in, a reviewer of the recipe"
    assert entry["model_digest"] == line.record("register")["manifest"]["meta"]["model_digest"]
    listed = line("models")
    assert "champion" in listed
    assert "by anna (airflow)" in listed


def test_it_starts_the_deployment(line: Working, admin: Rest) -> None:
    (event,) = admin.events()
    assert event["uri"] == "models:/tiny@champion"
    assert event["extra"]["run"] == run_name("tiny", line.first)
    (started,) = until(lambda: admin.runs("deploy-tiny"), bool, "deploy-tiny")
    run = started["dag_run_id"]
    assert started["run_type"] == "asset_triggered"
    assert admin.wait_run("deploy-tiny", run) == "success"
    assert admin.states("deploy-tiny", run) == {"approve": "success", "deploy": "success", "close": "success"}
    assert "tiny v1 answers" in admin.log("deploy-tiny", run, "deploy")


# --- later runs ----------------------------------------------------------------------------------------


def test_two_runs_at_once_do_no_work_and_ask_nobody(line: Working, admin: Rest) -> None:
    runs = [admin.trigger("tiny"), admin.trigger("tiny")]
    for run in runs:
        assert admin.wait_run("tiny", run) == "success"
        states = admin.states("tiny", run)
        assert states.pop("approve.record") == "skipped"  # nothing new follows
        assert set(states.values()) == {"success"}
        assert "v1 was approved by anna" in admin.log("tiny", run, "approve.ask")
        made = line.made(run)
        assert {task for task, state in made.items() if state == "done"} == {"register"}  # is never cached
        assert set(made.values()) == {"cached", "done", "skipped"}
    assert Registry(line.store).state("tiny").entries[-1].seq == 2


def test_without_mlflow_a_run_ends_and_what_it_owes_is_made_up_for(
    line: Working, admin: Rest, anna: Rest
) -> None:
    import mlflow

    line.engine(tracking=f"http://127.0.0.1:{free_port()}")
    run = admin.trigger("tiny", **{"student.epochs": 5})
    assert "v2: approve it instead of v1?" in anna.wait_asked("tiny", run)["subject"]
    assert anna.answer("tiny", run, "Reject", "too dear").status_code == 200
    assert admin.wait_run("tiny", run) == "success"
    assert admin.states("tiny", run)["approve.record"] == "skipped"
    entry = Registry(line.store).state("tiny").version(2).decided
    assert (entry.action, entry.who, entry.why) == ("reject", "anna", "too dear")
    here = run_name("tiny", run)
    record = run_record(line.store, here)
    assert (record.state, record.engine, record.user) == ("done", "airflow", "admin")
    uri = f"sqlite:///{line.folder / '.slmworks/mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=uri)
    (shown,) = client.search_experiments(filter_string="name = 'tiny'")
    assert not mirrored(client, shown.experiment_id, here)
    line("lineage", "sync")
    line.engine()
    owed = {task for task, state in line.made(run).items() if state in ("done", "cached")}
    assert owed - {"approve"} <= mirrored(client, shown.experiment_id, here)


def mirrored(client, experiment: str, run: str) -> set[str]:
    """The tasks of a run that MLflow has."""
    found = client.search_runs([experiment], f"tags.`slmworks.run` = '{run}'", max_results=200)
    return {one.data.tags["slmworks.task"] for one in found}


def test_of_all_that_one_approval_was_deployed(line: Working, admin: Rest) -> None:
    assert [event["extra"]["version"] for event in admin.events()] == [1]
    assert [run["state"] for run in admin.runs("deploy-tiny")] == ["success"]


# --- the command line ----------------------------------------------------------------------------------


def launch(line: Working, *words: str, **env: str) -> subprocess.Popen:
    """`python -m slmworks_airflow`, in Airflow's environment."""
    known = ["--engine-file", str(line.folder / "engine.yaml"), *words]
    return subprocess.Popen(
        [str(line.works.python), "-m", "slmworks_airflow", *known],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=line.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugins/airflow"), "PYTHONUNBUFFERED": "1", **env},
    )  # fmt: skip


def refused(line: Working, *words: str) -> str:
    """What it says when it starts nothing."""
    started = launch(line, *words)
    said, _ = started.communicate(timeout=60)
    assert started.returncode == 2, said
    return said.splitlines()[-1]


def test_it_says_what_is_in_the_way(line: Working) -> None:
    taken = refused(line, "--port", str(line.works.port), "--home", "other")
    assert taken == (
        f"slmworks_airflow: 127.0.0.1:{line.works.port}: Address already in use; "
        "choose another port with --port."
    )
    assert "home: another Airflow runs in it" in refused(line, "--port", str(free_port()), "--home", "home")
    assert "nowhere: no such folder" in refused(line, "--dags", "nowhere")
    assert "--mlflow-python nowhere: no such file" in refused(line, "--mlflow-python", "nowhere")


def test_stopping_leaves_nothing(line: Working) -> None:
    started = [component.process.pid for component in line.works.components.values()]
    below = [one.pid for name in line.works.components for one in line.below(name)]
    line.works.stop()
    assert [pid for pid in [*started, *below] if alive(pid)] == []


def test_when_a_part_dies_it_is_said_and_all_is_stopped(line: Working) -> None:
    started = launch(line, "--home", "dies", "--port", str(free_port()))
    me = psutil.Process(started.pid)
    processor = until(
        lambda: [one for one in me.children() if "dag-processor" in one.cmdline()], bool, "dag-processor"
    )[0]
    below = me.children(recursive=True)
    processor.kill()
    said, _ = started.communicate(timeout=60)
    assert started.returncode == 1
    assert "dag-processor ended with -9: the end of " in said
    assert "dies/logs-of-components/dag-processor.log" in said
    assert [one for one in below if alive(one.pid)] == []


def test_our_dags_and_mlflow_start_with_one_command_and_stop_with_a_signal(line: Working) -> None:
    line.engine()
    shutil.copytree(ROOT / "dags", line.folder / "ours/dags")
    shutil.copytree(ROOT / "pipelines", line.folder / "ours/pipelines", ignore=shutil.ignore_patterns("data"))
    port, mlflow_port = free_port(), free_port()
    started = launch(
        line, "--dags", "ours/dags", "--home", "ours/home", "--port", str(port),
        "--mlflow-python", sys.executable, "--mlflow-port", str(mlflow_port),
    )  # fmt: skip
    said = []
    for text in started.stdout:
        said.append(text.rstrip())
        if "Ctrl-C" in text:
            break
    assert f"Airflow  http://127.0.0.1:{port}" in said, said
    assert f"MLflow   http://127.0.0.1:{mlflow_port}" in said
    assert {"DAG      first-run", "DAG      deploy-reviews · Asset", "DAG      retrain · 0 0 * * 0"} <= set(
        said
    )
    assert not any(text.startswith(("problem", "no DAG")) for text in said)
    (signs_in,) = [text for text in said if text.startswith("user")]
    admin = Rest(f"http://127.0.0.1:{port}", "admin", signs_in.rpartition(" ")[2])
    assert admin.runs("retrain") == []
    below = psutil.Process(started.pid).children(recursive=True)
    hosts = {
        connection.laddr.ip
        for one in below
        for connection in one.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert hosts == {"127.0.0.1"}
    started.terminate()
    assert started.wait(30) == 0
    assert [one for one in below if alive(one.pid)] == []
