"""Lineage: what MLflow shows of a run and of a version, whatever happened on the way there."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.data.dataset_source_registry import get_dataset_source_from_json

from releases import BY
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.execution.records import run_record, task_records
from slmworks.lineage import lineage_of, render
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks.tracking.connection import Tracking, connect, without_credentials
from slmworks.tracking.data_sets import cards, entity
from slmworks.tracking.sync import sync
from stories import CURVE, Story

TASKS = {"raw", "curate", "teacher", "student", "int8", "quality", "gate", "register"}


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def story(store, tmp_path):
    return Story(store, tmp_path / "work").tell().end()


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A new database of MLflow's: its schema takes seconds to make."""
    database = tmp_path_factory.mktemp("blank") / "mlflow.db"
    connect(f"sqlite:///{database}")
    return database


@pytest.fixture
def uri(tmp_path, blank):
    (tmp_path / "tracking").mkdir()
    return f"sqlite:///{shutil.copy(blank, tmp_path / 'tracking' / 'mlflow.db')}"


def picture(uri):
    """What MLflow shows, as plain values: runs by task, versions, aliases."""
    tracking = connect(uri)
    runs = tracking.client.search_runs([e.experiment_id for e in tracking.client.search_experiments()])
    versions = tracking.client.search_model_versions("name = 'reviews'")
    names = tracking.client.search_registered_models()
    return (
        sorted((run.data.tags["slmworks.run"], run.data.tags["slmworks.task"]) for run in runs),
        {run.data.tags["slmworks.task"]: run for run in runs},
        sorted(versions, key=lambda version: int(version.version)),
        {alias: int(number) for alias, number in names[0].aliases.items()} if names else {},
    )


def test_every_task_is_a_run_below_the_run_of_the_recipe(store, story, uri):
    assert (
        str(sync(store, uri))
        == "1 runs looked at, 8 tasks uploaded, 1 versions created, 1 aliases and 0 tags put right"
    )
    keys, runs, _, _ = picture(uri)
    assert keys == sorted(("run-1", task) for task in [*TASKS, "-"])
    parent = runs["-"]
    assert parent.info.status == "FINISHED"
    assert "| teacher | finetune classifier | done | 1.5 |" in parent.data.tags["mlflow.note.content"]
    assert all(runs[task].data.tags["mlflow.parentRunId"] == parent.info.run_id for task in TASKS)
    student, made = runs["student"].data, story.made
    assert student.params == {"epochs": "3", "layers": "[0, 1]"}
    assert student.tags["distilled-from"] == made["teacher"].digest
    assert student.tags["trained-on"] == made["curate"].digest
    assert (
        f"| distilled-from | teacher | `{made['teacher'].digest[:12]}` |"
        in student.tags["mlflow.note.content"]
    )
    assert student.tags["slmworks.digest"] == made["student"].digest
    (dataset,) = runs["student"].inputs.dataset_inputs
    assert made["curate"].digest.startswith(dataset.dataset.digest)
    assert runs["curate"].data.metrics["dropped/near duplicate"] == 9


def test_a_data_set_is_mlflows_own_and_its_card_is_beside_its_run(store, story, uri):
    sync(store, uri)
    client, runs = connect(uri).client, picture(uri)[1]
    for task, context in (("curate", "made"), ("student", "data")):
        (used,) = runs[task].inputs.dataset_inputs
        assert [tag.value for tag in used.tags] == [context]
        found = get_dataset_source_from_json(used.dataset.source, used.dataset.source_type)
        assert Path(found.load(), "train.parquet").exists()
    curated = runs["curate"]
    files = {file.path for file in client.list_artifacts(curated.info.run_id)}
    assert {"card.html", "card.md", "croissant.json", "manifest.json"} <= files
    note = curated.data.tags["mlflow.note.content"]
    assert "· curate** · 1,200 rows of 1,209" in note
    assert "| curated-from | raw |" in note


@pytest.mark.parametrize(
    "card",
    ["[1]", '{"columns": ["id"]}', '{"rows": 5}', '{"splits": {"train": {}}}', '{"drift": {"rows": 3}}'],
)
def test_a_card_of_another_form_is_left_out_and_the_rest_is_synced(store, tmp_path, card):
    story = Story(store, tmp_path / "work")
    curated = story.text("train.parquet")
    (curated / "card.json").write_text(card)
    story.task("curate", "curate text", Dataset(path=curated, meta={"task": "classification"}))
    (task,) = task_records(store, story.run)
    found = cards(store, curated, run_record(store, story.run), task)
    assert found == {}
    assert entity(store, task, "made").dataset.digest.startswith(task.manifest.digest[:32])


def test_curves_keep_their_steps_and_times(store, story, uri):
    sync(store, uri)
    client, run = connect(uri).client, picture(uri)[1]["teacher"]
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.timestamp, m.value) for m in curve] == [
        (p["step"], p["time"] * 1000, p["loss"]) for p in CURVE
    ]


def test_recipe_plan_and_release_can_be_opened(store, story, uri):
    sync(store, uri)
    client, runs = connect(uri).client, picture(uri)[1]
    files = {file.path for file in client.list_artifacts(runs["-"].info.run_id)}
    assert files == {"recipe.yaml", "plan.json"}
    held = client.list_artifacts(runs["register"].info.run_id, "release")
    assert {"release/MLmodel", "release/model"} <= {file.path for file in held}


def test_a_second_sync_changes_nothing(store, story, uri):
    sync(store, uri)
    before = picture(uri)[0]
    assert str(sync(store, uri)) == "1 runs looked at, 0 tasks uploaded, 0 versions created"
    assert str(sync(store, uri)) == "0 runs looked at, 0 tasks uploaded, 0 versions created"
    assert picture(uri)[0] == before


def test_a_failed_task_leaves_its_error(store, tmp_path, uri):
    story = Story(store, tmp_path / "work")
    story.record("teacher", "finetune classifier", state="failed", error="out of memory", trace="Traceback …")
    story.record("student", "distill logit-kd", state="skipped")
    story.end("failed")
    sync(store, uri)
    runs = picture(uri)[1]
    assert runs["teacher"].info.status == runs["-"].info.status == "FAILED"
    assert runs["teacher"].data.tags["slmworks.error"] == "out of memory"
    assert "student" not in runs  # what never began is no run


def test_a_version_shows_the_log_and_loads_by_its_alias(store, story, uri):
    sync(store, uri)
    version, aliases = picture(uri)[2][0], picture(uri)[3]
    assert (version.tags["approval"], aliases) == ("candidate", {"candidate": 1})
    assert version.tags["slmworks.model_digest"] == story.made["int8"].digest
    waiting, link, said, *_ = version.description.split("\n\n")  # the list shows the first words as they are
    assert waiting.startswith("Waits for approval in slmworks' log since")
    assert "Promote in MLflow approves nothing, this does: `slmworks approve reviews 1" in waiting
    assert (link[:18], said) == ("[The whole packet]", "**passed**")
    assert version.tags["registered_by"]
    assert "passed" in version.description
    gate = picture(uri)[1]["gate"].info
    assert f"/runs/{gate.run_id}/artifacts/verdict.html)" in version.description
    assert "fetch files  data.csv" in version.description
    Registry(store).approve("reviews", 1, **BY, why="it is good")
    sync(store, uri)
    version, aliases = picture(uri)[2][0], picture(uri)[3]
    said = {key: version.tags[f"approval{key}"] for key in ("", ".who", ".how", ".why")}
    assert said == {"": "approved", ".who": "ada", ".how": BY["how"], ".why": "it is good"}
    assert aliases == {"champion": 1}
    assert version.description.startswith("Approved in slmworks' log by ada (claimed")
    assert "fetch files  data.csv" in version.description
    import mlflow
    import pandas as pd

    client = connect(uri).client
    champion = client.get_model_version_by_alias("reviews", "champion")
    files = client.get_model_version_download_uri("reviews", champion.version)
    answer = mlflow.pyfunc.load_model(files).predict(pd.DataFrame({"text": ["good"]}))
    assert list(answer["label"]) == ["positive"]


def test_aliases_and_tags_that_were_changed_by_hand_are_put_right(store, story, tmp_path, uri):
    Story(store, tmp_path / "more", "run-2").tell(3.0).end()
    for version in (1, 2):
        Registry(store).approve("reviews", version, **BY, why="better")
    sync(store, uri)
    assert picture(uri)[3] == {"champion": 2, "previous": 1}
    client = connect(uri).client
    client.set_registered_model_alias("reviews", "champion", "1")
    client.set_registered_model_alias("reviews", "candidate", "1")
    client.set_registered_model_alias("reviews", "mine", "1")
    client.set_model_version_tag("reviews", "1", "approval.who", "mallory")
    result = sync(store, uri)
    assert (result.aliases, result.tags) == (2, 1)
    assert picture(uri)[3] == {"champion": 2, "previous": 1, "mine": 1}
    Registry(store).rollback("reviews", **BY, why="no")
    sync(store, uri)
    versions, aliases = picture(uri)[2:]
    assert (aliases, versions[1].tags["approval"]) == ({"champion": 1, "mine": 1}, "rolled-back")


def test_a_crash_after_any_call_leaves_no_doubles(store, story, uri, monkeypatch):
    """Ends the upload, as if by kill -9, at each of its calls to MLflow in turn."""
    real = connect(uri)

    class Dying:
        lives = 0

        def __getattr__(self, name):
            def call(*args, **kwargs):
                answer = getattr(real.client, name)(*args, **kwargs)
                self.lives -= 1
                if self.lives == 0:
                    raise KeyboardInterrupt
                return answer

            return call

    dying, crashes = Dying(), 0
    monkeypatch.setattr("slmworks.tracking.connection.connect", lambda _: Tracking(dying, real.artifacts))
    for dying.lives in range(1, 400):
        try:
            sync(store, uri)
            break
        except KeyboardInterrupt:
            crashes += 1
    assert crashes > 10
    keys, runs, versions, aliases = picture(uri)
    assert keys == sorted(("run-1", task) for task in [*TASKS, "-"])
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(versions) == 1
    assert aliases == {"candidate": 1}
    assert len(real.client.get_metric_history(runs["teacher"].info.run_id, "loss")) == len(CURVE)


def test_a_killed_uploader_and_two_at_once_leave_no_doubles(store, story, uri):
    command = [sys.executable, "-m", "slmworks.tracking", "--store", store.url, "--tracking", uri]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(picture(uri)[0]) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    keys, _, versions, _ = picture(uri)
    assert keys == sorted(("run-1", task) for task in [*TASKS, "-"])
    assert len(versions) == 1


def test_a_watcher_uploads_while_the_run_goes_on_and_ends_with_it(store, tmp_path, uri):
    story = Story(store, tmp_path / "work").tell()
    command = [sys.executable, "-m", "slmworks.tracking", "--store", store.url, "--tracking", uri]
    watcher = subprocess.Popen([*command, "--run", "run-1", "--follow"], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline and len(picture(uri)[0]) < 9:
        time.sleep(0.3)
    assert picture(uri)[1]["-"].info.status == "RUNNING"
    assert watcher.poll() is None
    story.end()
    assert "8 tasks uploaded" in watcher.communicate(timeout=60)[0]
    assert watcher.returncode == 0
    assert picture(uri)[1]["-"].info.status == "FINISHED"


def test_mlflow_being_down_is_one_line_and_nothing_is_lost(store, story, uri, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(
        SlmworksError, match=r"MLflow at http://127.0.0.1:\d+ did not take .*slmworks lineage sync"
    ) as error:
        sync(store, f"http://ada:secret@127.0.0.1:{port}")
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)
    assert sync(store, uri).tasks == 8


def test_an_unknown_run_is_named(store, story, uri):
    with pytest.raises(BadRequest, match=r"no run 'run-2'.*Did you mean 'run-1'"):
        sync(store, uri, run="run-2")


def test_credentials_are_not_shown():
    assert without_credentials("https://a:b@mlflow.example/x") == "https://mlflow.example/x"
    assert without_credentials("sqlite:///a@b.db") == "sqlite:///a@b.db"


def test_one_can_walk_back_from_the_champion_to_the_source_files(store, story):
    Registry(store).approve("reviews", 1, **BY, why="it is good")
    text = render(lineage_of(store, "reviews@champion"))
    lines = text.splitlines()
    assert lines[0].startswith("reviews v1 · champion · approved by ada on ")
    edges = ["packaged-from  Model", "exported-from  Model", "distilled-from  Model", "trained-on  Dataset"]
    places = [next(n for n, line in enumerate(lines) if edge in line) for edge in edges]
    assert places == sorted(places)
    assert lines[places[-1]].endswith("curate text  1,200 rows")
    source = next(line for line in lines if "curated-from  Files" in line)
    assert source.endswith("fetch files  data.csv")
    assert any("admitted-by  Verdict" in line and "passed" in line for line in lines)
    assert text.count("fetch files") == 1
    assert lineage_of(store, "reviews").root == lineage_of(store, "reviews@1").root


def test_a_manifest_that_cannot_be_read_is_passed_over(store, story):
    store.write("tasks/damaged.json", b"{}")
    assert "fetch files" in render(lineage_of(store, "reviews@1"))


def test_one_can_walk_back_from_any_digest(store, story):
    lineage = lineage_of(store, story.made["student"].digest[:10])
    assert lineage.title.startswith("Model ")
    assert [edge.relation for edge in lineage.root.edges] == ["distilled-from", "trained-on"]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("review@champion", "no model is registered as 'review'.*Did you mean 'reviews'"),
        ("reviews@champion", "reviews has no 'champion'.*candidate"),
        ("reviews@7", "has no version 7"),
        ("abcdef0123", "is no digest in this store"),
    ],
)
def test_a_way_back_from_nowhere_is_one_line(store, story, what, line):
    with pytest.raises(BadRequest, match=line):
        lineage_of(store, what)


def test_walking_back_imports_no_mlflow(store, story):
    code = (
        "import sys; from slmworks.lineage import lineage_of, render; from slmworks.tracking.sync import sync;"
        "from slmworks.store import open_store;"
        "print(render(lineage_of(open_store(sys.argv[1]), 'reviews'))); assert 'mlflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, store.url], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_curve_of_a_task_that_goes_on_is_seen_and_not_doubled(store, tmp_path, uri):
    story = Story(store, tmp_path / "work")
    points = [{"step": step, "time": 1.8e9 + step, "loss": 1 / (1 + step)} for step in range(4)]
    story.plan.append({"id": "teacher", "step": "teacher", "stage": "finetune", "plugin": "c", "inputs": {}})
    story.write_run("running")
    story.record("teacher", "finetune classifier", state="running", metrics=points[:2])
    sync(store, uri)
    _, runs, _, _ = picture(uri)
    assert runs["teacher"].info.status == "RUNNING"
    story.record("teacher", "finetune classifier", state="done", metrics=points)
    sync(store, uri)
    _, again, _, _ = picture(uri)
    assert again["teacher"].info.run_id == runs["teacher"].info.run_id
    assert again["teacher"].info.status == "FINISHED"
    history = connect(uri).client.get_metric_history(again["teacher"].info.run_id, "loss")
    assert [(one.step, one.value) for one in history] == [(p["step"], p["loss"]) for p in points]


def test_runs_are_compared_by_their_options(store, tmp_path, uri):
    story = Story(store, tmp_path / "work").tell()
    options = {f"option_{n}": n for n in range(250)}  # more than MLflow takes at once
    story.plan[2] |= {"options": {"epochs": 3, "layers": [0, 1], **options}, "seed": 7}
    story.plan.append({**story.plan[2], "id": "small.bits=8", "options": {"bits": 8}})
    story.end()
    sync(store, uri)
    said = picture(uri)[1]["-"].data.params
    assert (said["teacher.epochs"], said["teacher.layers"], said["teacher.seed"]) == ("3", "[0, 1]", "7")
    assert said["teacher.option_249"] == "249"
    assert said["small.bits_8.bits"] == "8"  # MLflow's names have no =
    assert len(said) == 255


def test_a_version_is_listed_with_its_verdict_and_numbers(store, tmp_path, uri):
    rows = [
        {"name": "teacher", "chosen": False, "written": {"accuracy": "0.800"}},
        {
            "name": "int8",
            "chosen": True,
            "written": {"accuracy": "0.786 (0.766–0.806)"},
            "kept": {"value": 0.9825},
        },
    ]
    verdict = {"sentence": "passed", "passed": True, "rows": rows}
    Story(store, tmp_path / "work").tell(verdict=verdict).end()
    sync(store, uri)
    (version,) = picture(uri)[2]
    assert version.tags["verdict"] == "passed"
    assert version.tags["accuracy"] == "0.786 (0.766–0.806)"
    assert version.tags["kept"] == "98.2 %"
