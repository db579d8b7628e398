"""DAGs as Airflow sees them: their shape, and what its states say of good and bad ends. Toy steps."""

import json
import os
from pathlib import Path

import pytest
from homes import ROOT, Home, listed

from slmworks.execution.records import run_ids, run_record, task_records
from slmworks.store import open_store

RECIPE = """\
name: toy
description: Steps that take milliseconds.
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: train.csv, test: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {fail: false, seconds: 0}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  mark: {stage: evaluate, uses: toy, from: {model: teacher, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}, with: {allow: true}}
"""
ENGINE = """\
store: STORE
defaults: {retries: 1, timeout: 1h}
stages: {distill: {queue: gpu, pool: trainings, retries: 3, timeout: 12h}}
airflow: {python: PYTHON, owner: ml-platform, tags: [text]}
"""


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory, new_home) -> Home:
    """A home with the toy recipe's DAG."""
    folder = tmp_path_factory.mktemp("toy-dags")
    (folder / "base").mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / "base" / name).write_text("{}")
    (folder / "train.csv").write_text("rows")
    (folder / "toy.yaml").write_text(RECIPE)
    home = new_home(folder / "home", ENGINE.replace("STORE", str(folder / "store")))
    home.env = {"AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    said = f'from slmworks.engines.airflow import render\ndag = render("{folder}/toy.yaml"'
    home.dag("toy", f"{said})\n")
    home.dag("weekly", f'{said}, dag_id="weekly", schedule="@weekly", new_data_only=True)\n')
    home.store = open_store(str(folder / "store"))
    home.work = folder
    return home


def newest(home: Home) -> dict[str, str]:
    """Task -> state of the newest run's records."""
    run = max(run_ids(home.store), key=lambda one: run_record(home.store, one).started)
    return {"run": run_record(home.store, run).state} | {
        task.task: task.state for task in task_records(home.store, run)
    }


def test_the_shape_of_the_shipped_dags(airflow_python, new_home, tmp_path) -> None:
    home = new_home(tmp_path / "home", ENGINE.replace("STORE", str(tmp_path / "store")))
    home.env = {"AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags")}
    said = home.drive().said
    assert said["import_errors"] == {}
    golden = ROOT / "tests/airflow/golden.json"
    shape = {
        name: {
            task: [what["operator"], *what["after"]] for task, what in sorted(dag["tasks"].items())
        }
        for name, dag in said["dags"].items()
    }  # fmt: skip
    if os.environ.get("GOLDEN") == "write":
        golden.write_text(json.dumps(shape, indent=1) + "\n")
    assert shape == json.loads(golden.read_text())
    paused = {name for name, dag in said["dags"].items() if dag["paused"]}
    assert paused == {"retrain"}  # its data is yours to bring
    pages = {name: dag["doc"] for name, dag in said["dags"].items()}
    for before, after in (("first-run", "deploy-reviews"), ("retrain", "deploy-intents")):
        assert f"the DAG [{after}](/dags/{after}) runs what follows" in pages[before]
        assert f"in the DAG [{before}](/dags/{before})" in pages[after]


def test_what_the_engine_file_says_reaches_airflow(works: Home) -> None:
    dag = works.drive().said["dags"]["toy"]
    assert dag["tags"] == ["slmworks", "text", "toy"]
    teacher, student = dag["tasks"]["teacher"], dag["tasks"]["student"]
    said = [(one["queue"], one["pool"], one["retries"], one["timeout"]) for one in (teacher, student)]
    assert said == [("default", "default_pool", 1, 3600), ("gpu", "trainings", 3, 43200)]
    assert student["owner"] == "ml-platform"
    assert "Writes half of what the teacher knows." in student["doc"]
    assert "Steps that take milliseconds." in dag["doc"]
    assert "```yaml\nname: toy" in dag["doc"]
    assert dag["params"]["teacher.fail"]["type"] == "boolean"


def test_a_dag_can_run_when_its_data_has_arrived(works: Home) -> None:
    recipe = works.work / "toy.yaml"
    text = f'from slmworks.engines.airflow import arrived, render\ndag = render("{recipe}", dag_id="fed", '
    works.dag("fed", f'{text}schedule=arrived("{recipe}"))\n')
    dags = works.drive().said["dags"]
    (works.dags / "fed.py").unlink()
    assert dags["fed"]["assets"] == [f"file://{works.work / name}" for name in ("base", "train.csv")]
    assert dags["toy"]["assets"] == []


def test_a_run_and_a_run_on_the_same_store_that_does_no_work(works: Home) -> None:
    ended = works.drive(dag="toy")
    assert ended.said["state"] == "success", ended.log[-4000:]
    assert newest(works)["teacher"] == "done"
    assert works.drive(dag="toy").said["state"] == "success"
    assert set(newest(works).values()) == {"done", "cached"}


def test_nothing_new_nothing_trained_and_it_says_so(works: Home) -> None:
    ended = works.drive(dag="weekly")
    assert ended.said["state"] == "success"
    assert listed(ended.tasks, "success") == {"raw", "teacher.model", "close"}
    assert "nothing in the data is new since toy." in ended.log
    records = newest(works)
    assert records["teacher"] == records["gate"] == "skipped"
    assert records["run"] == "done"


def test_new_data_is_trained_on(works: Home) -> None:
    (works.work / "train.csv").write_text("other rows")
    ended = works.drive(dag="weekly")
    assert set(ended.tasks.values()) == {"success"}
    assert newest(works)["teacher"] == "done"


@pytest.mark.slow
def test_a_branch_that_fails_fails_the_run_after_the_others_have_finished(works: Home) -> None:
    ended = works.drive(dag="toy", conf={"teacher.fail": True})
    assert ended.said["state"] == "failed"
    assert ended.states("raw", "curate", "close") == ["success", "success", "failed"]
    assert listed(ended.tasks, "upstream_failed") >= {"student", "mark", "gate"}
    assert "teacher: RuntimeError: the optimizer exploded" in ended.log
    records = newest(works)
    assert (records["run"], records["teacher"], records["gate"]) == ("failed", "failed", "skipped")


def test_a_bad_request_is_one_line_at_error_without_a_traceback(works: Home) -> None:
    data = works.work / "train.csv"
    data.rename(data.with_suffix(".away"))
    try:
        ended = works.drive(dag="toy")
    finally:
        data.with_suffix(".away").rename(data)
    assert ended.states("raw", "close") == ["failed", "failed"]
    assert "Traceback" not in ended.log, ended.log[-4000:]
    (raw, close) = [line for line in ended.log.splitlines() if "[error" in line]
    assert "no such file: train.csv; paths are relative to the recipe's folder" in raw
    assert ended.log.count("no such file: train.csv") == 1
    assert "the run failed, since one of its tasks did" in close


def test_a_refused_gate_is_skipped_and_the_run_is_well(works: Home) -> None:
    ended = works.drive(dag="toy", conf={"gate.allow": False})
    assert (ended.said["state"], ended.tasks["gate"]) == ("success", "skipped")
    assert newest(works)["run"] == "refused"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (RECIPE.replace("uses: toy, from: {data: raw}", "uses: tox, from: {data: raw}"),
         "broken.yaml:5 steps.curate.uses: no such curate plugin 'tox'. Did you mean 'toy'?"),
        ("name: [", "broken.yaml:1"),
        (None, "broken.yaml: no such recipe. Did you mean 'toy.yaml'?"),
    ],
)  # fmt: skip
def test_a_recipe_that_can_t_be_used_is_an_import_error_in_one_line(works: Home, text, line) -> None:
    path = works.work / "broken.yaml"
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_text(text)
    works.dag("broken", f'from slmworks.engines.airflow import render\ndag = render("{path}")\n')
    try:
        (error,) = works.drive().said["import_errors"].values()
    finally:
        (works.dags / "broken.py").unlink()
    assert line in error.strip().splitlines()[-1], error


def test_a_plugin_that_is_not_installed_is_said(works: Home) -> None:
    works.env["PYTHONPATH"] = str(Path(__file__).parent)
    try:
        errors = works.drive().said["import_errors"]
    finally:
        del works.env["PYTHONPATH"]
    assert len(errors) == 2
    assert all("no such curate plugin 'toy'. Known: chat, " in error for error in errors.values())


ASKING = """\
import json
from airflow.sdk.exceptions import AirflowFailException
from slmworks.engines.airflow import render
ask = render("RECIPE").get_task("approve.ask")
try:
    ask.execute_complete({}, {"error": "late", "error_type": "timeout"})
    late = ""
except AirflowFailException as error:
    late = str(error)
print(json.dumps([ask.response_timeout and ask.response_timeout.total_seconds(), ask.defaults, ask.assigned_users, late]))
"""
LATE = (
    "nobody answered within 7d: the version stays a candidate. Clear this task to ask again, or decide with "
    "slmworks approve or reject."
)


@pytest.mark.parametrize(
    ("airflow", "asked"),
    [
        ("{}", [None, None]),
        ("{answer_within: 7d}", [604800, None]),
        ("{answer_within: 7d, unanswered: reject}", [604800, ["Reject"]]),
        ("{unanswered: reject}", [None, None]),  # it can't be late
    ],
)
def test_who_is_asked_and_until_when_the_engine_file_says(new_home, tmp_path, airflow, asked) -> None:
    home = new_home(
        tmp_path / "home",
        f"store: store\nairflow: {airflow}\nreviewers: {{leads: [anna, {{id: '7', name: ben}}]}}\n",
    )
    end = "  register: {from: {verdict: gate}, with: {name: toy}}\n  approve: {from: {release: register}, with: {reviewers: [leads, eve]}}\n"
    for name in ("base/config.json", "base/model.safetensors", "train.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "toy.yaml").write_text(RECIPE + end)
    *said, users, late = home.says(ASKING.replace("RECIPE", str(tmp_path / "toy.yaml")))
    assert said == asked
    assert users == [{"id": "anna", "name": "anna"}, {"id": "7", "name": "ben"}, {"id": "eve", "name": "eve"}]
    assert late == LATE.replace("7d", "7d" if asked[0] else "None")


AGAIN = """\
import json
from types import SimpleNamespace
from slmworks.engines.airflow import render
from slmworks.execution.encoded import unpack
dag = render("RECIPE")
context = {"dag": dag, "run_id": "r", "params": {}, "dag_run": None}
print(json.dumps([sorted(unpack(dag.get_task(name).job.command(context).argument)) for name in ("close", "approve.close")]))
"""


def test_after_an_approval_the_recipe_of_the_day_is_not_taken_for_the_run_s(new_home, tmp_path) -> None:
    home = new_home(tmp_path / "home", "store: store\n")
    end = "  register: {from: {verdict: gate}, with: {name: toy}}\n  approve: {from: {release: register}}\n"
    (tmp_path / "toy.yaml").write_text(RECIPE + end)
    close, again = home.says(AGAIN.replace("RECIPE", str(tmp_path / "toy.yaml")))
    assert {"plan", "text"} <= set(close)
    assert again == ["run", "store"]


LEFT = """\
import json
from types import SimpleNamespace
from slmworks.contract.errors import BadRequest
from slmworks.engines.airflow import render
said = []
for who in ("eve", "zoe", "anna"):
    ask = render("RECIPE").get_task("approve.ask")
    ask._leave_out(SimpleNamespace(started_by=who))
    said.append([user["name"] for user in ask.assigned_users])
alone = render("ALONE").get_task("approve.ask")
try:
    alone._leave_out(SimpleNamespace(started_by="eve"))
except BadRequest as error:
    said.append(str(error))
print(json.dumps(said))
"""


def test_who_started_the_run_is_not_asked_where_the_recipe_says_so(new_home, tmp_path) -> None:
    home = new_home(tmp_path / "home", "store: store\nreviewers: {leads: [anna, ben]}\n")
    for name in ("base/config.json", "base/model.safetensors", "train.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    for file, among in (("toy", "leads, eve"), ("alone", "eve")):
        reviewers = f"{{reviewers: {{among: [{among}], not: requester}}}}"
        end = (
            "  register: {from: {verdict: gate}, with: {name: toy}}\n"
            f"  approve: {{from: {{release: register}}, with: {reviewers}}}\n"
        )
        (tmp_path / f"{file}.yaml").write_text(RECIPE + end)
    code = LEFT.replace("RECIPE", str(tmp_path / "toy.yaml")).replace("ALONE", str(tmp_path / "alone.yaml"))
    *asked, line = home.says(code)
    assert asked == [["anna", "ben"], ["anna", "ben", "eve"], ["ben", "eve"]]
    assert line.startswith(
        "the recipe asks only eve, who started the run, and somebody else is to approve it"
    )
