"""From a task in Airflow to its run in MLflow and to its report: who may see them, and what they say."""

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest
from homes import Home

from servers import MlflowServer
from slmworks.engines.airflow.line import run_name
from slmworks.engines.close_run import keep_packet, page_key
from slmworks.execution.records import TaskRecord, run_record, task_records
from slmworks.store import open_store
from slmworks_airflow import replies, tracked
from slmworks_airflow.asked import Asked
from slmworks_airflow.pages import run_page, sentence, task_page
from stories import Story

RUN = "manual__2026-11-22T09:59:59+00:00"
KEPT = run_name("toy", RUN)
RECIPE = """\
name: toy
steps:
  raw: {stage: fetch, from: {train: train.csv, validation: train.csv, test: train.csv}}
  curate: {uses: toy, from: {data: raw}}
  teacher: {stage: finetune, uses: toy, from: {model: ./base, data: curate}, with: {fail: false, seconds: 0}}
  student: {stage: distill, uses: toy, from: {teacher: teacher, data: curate}}
  quantize: {uses: toy, from: {model: student, calibration: curate}, sweep: [{with: {bits: 4}}, {with: {bits: 8}}]}
  evaluate: {uses: toy, from: {model: quantize, data: curate}}
  gate: {uses: toy, from: {reports: evaluate}, with: {allow: true}}
  register: {from: {verdict: gate}, with: {name: toy}}
  approve: {from: {release: register}}
"""
EVIL = "<script>alert('no')</script>"

BROWSE = """
import json, os, sys
from pathlib import Path
from urllib.parse import quote
from airflow.api_fastapi.app import create_app
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db
from airflow.plugins_manager import get_operator_extra_links
from fastapi.testclient import TestClient

asked = json.load(sys.stdin)
folder = os.environ["AIRFLOW__CORE__DAGS_FOLDER"]
bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
DagBundlesManager().sync_bundles_to_db()
sync_bag_to_db(bag, "dags-folder", None)
app = create_app()
root = app.root_path
passwords = json.loads(Path(os.environ["PASSWORDS"]).read_text())

def browser(user):
    client = TestClient(app, base_url="http://localhost", follow_redirects=False)
    if user:
        said = {"username": user, "password": passwords[user]}
        token = client.post(f"{root}/auth/token", json=said).json()["access_token"]
        client.cookies.set("_token", token)  # as the pages do when somebody signs in
    return client

admin = browser("admin")
made = admin.post(f"{root}/api/v2/dags/toy/dagRuns", json={"dag_run_id": asked["run"], "logical_date": None})
assert made.status_code == 200, made.text
place = f"{root}/api/v2/dags/toy/dagRuns/{quote(asked['run'], safe='')}/taskInstances"
tasks = {one["task_id"]: one for one in admin.get(place).json()["task_instances"]}
out = {"shown": {name: one["task_display_name"] for name, one in tasks.items()}, "links": {}, "answers": {}}
for name in tasks:
    reply = admin.get(f"{place}/{name}/links")
    assert reply.status_code == 200, reply.text
    out["links"][name] = reply.json()["extra_links"]
for user in ("", "nora", "vera"):
    client = browser(user)
    for path in [link for links in out["links"].values() for link in links.values()] + asked["paths"]:
        reply = client.get(path)
        out["answers"][f"{user} {path}"] = [reply.status_code, reply.text, dict(reply.headers)]
from slmworks.engines.airflow import operators, pods
out["operators"] = sorted(
    f"{module.__name__} {name}" for module in (operators, pods) for name, found in vars(module).items()
    if isinstance(found, type) and name.endswith("Operator") and found.__module__ == module.__name__
)
out["called"] = sorted(
    {f"{one.__module__} {one.__name__}" for link in get_operator_extra_links() for one in link.operators}
)
Path(asked["to"]).write_text(json.dumps(out))
os._exit(0)  # the client holds threads
"""


# --- in Airflow ------------------------------------------------------------------------------------


class FakeMlflow(HTTPServer):
    """Answers searches page by page, as it is told (the last page again and again), and remembers them."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.uri = f"http://127.0.0.1:{self.server_port}"
        self.answers: dict[str, list] = {
            "experiments": [{"experiments": [{"experiment_id": "7"}]}],
            "runs": [],
        }
        self.asked: list[tuple] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Answers(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        what = self.path.split("/")[-2]
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((what, said, self.headers.get("Authorization")))
        pages = self.server.answers[what]
        answer = pages.pop(0) if len(pages) > 1 else pages[0]
        self.send_response(answer if isinstance(answer, int) else 200)
        self.end_headers()
        self.wfile.write(b"" if isinstance(answer, int) else json.dumps(answer).encode())

    def log_message(self, *args) -> None: ...


def run_of(number: str, task: str, start: int = 1, *tags: str) -> dict:
    told = [{"key": "slmworks.task", "value": task}, *({"key": tag, "value": "x"} for tag in tags)]
    return {"info": {"run_id": number, "experiment_id": "7", "start_time": start}, "data": {"tags": told}}


@pytest.fixture(scope="module")
def mlflow():
    """A server that was told of the story's run."""
    server = FakeMlflow()
    runs = {"parent": "-", "small": "student", "four": "quantize.bits=4"}
    server.answers["runs"] = [{"runs": [run_of(number, task) for number, task in runs.items()]}]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A run as a line leaves it, with a version that waits for a decision."""
    folder = tmp_path_factory.mktemp("store")
    store = open_store(str(folder / "store"))
    story = Story(store, folder / "work", KEPT).tell()
    story.record("quantize.bits=4", "quantize toy", state="failed", error=EVIL, trace="Traceback: …")
    story.end()
    keep_packet(store, KEPT, "reviews", 1)
    return store


@pytest.fixture(scope="module")
def seen(airflow_python, new_home, tmp_path_factory, store, mlflow) -> dict:
    """What users with and without rights are answered, below a base URL with a path."""
    folder = tmp_path_factory.mktemp("links")
    (folder / "base").mkdir()
    (folder / "base" / "config.json").write_text("{}")
    (folder / "train.csv").write_text("rows")
    (folder / "toy.yaml").write_text(RECIPE)
    engine = f"store: {store.root}\ntracking: {mlflow.uri}\n"
    home: Home = new_home(
        folder / "home",
        engine,
        AIRFLOW__API__BASE_URL="http://localhost/flow",
        AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS="admin:admin,vera:viewer,nora:",
    )
    home.dag("toy", f'from slmworks.engines.airflow import render\ndag = render("{folder}/toy.yaml")\n')
    to = folder / "seen.json"
    paths = [
        "/flow/slmworks/docs",
        "/flow/slmworks/openapi.json",
        "/flow/slmworks/dags/toy/runs/none/tasks/raw/report",
        f"/flow/slmworks/dags/to/runs/y.{quote(RUN, safe='')}/tasks/raw/report",  # the same name in the store
    ]
    done = subprocess.run(
        [str(airflow_python), "-c", BROWSE],
        input=json.dumps({"run": RUN, "to": str(to), "paths": paths}),
        env=home.variables(), cwd=folder, text=True, check=False, timeout=300,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert to.exists(), done.stdout[-5000:]
    return json.loads(to.read_text())


def answer(seen: dict, user: str, task: str, link: str) -> list:
    return seen["answers"][f"{user} {seen['links'][task][link]}"]


def test_every_task_of_a_line_has_both_links(seen) -> None:
    ours = {"close", "approve.ask", "approve.record", "approve.close"}
    assert ours < set(seen["links"])
    run = quote(RUN, safe="")
    for task, links in seen["links"].items():
        place = f"/flow/slmworks/dags/toy/runs/{run}/tasks/{task}"
        assert links == {"MLflow": f"{place}/mlflow", "Report": f"{place}/report"}


def test_links_are_for_all_operators_that_there_are(seen) -> None:
    assert seen["called"] == seen["operators"]
    assert "slmworks.engines.airflow.pods PodOperator" in seen["called"]


def test_airflow_shows_a_task_by_its_id_in_the_plan(seen) -> None:
    assert seen["shown"]["quantize.bits-4"] == "quantize.bits=4"
    assert seen["shown"]["close"] == "close"


def test_only_who_may_see_the_task_sees_its_pages(seen) -> None:
    for links in seen["links"].values():
        for path in links.values():
            assert seen["answers"][f" {path}"][0] == 401
            assert seen["answers"][f"nora {path}"][0] == 403
            assert seen["answers"][f"vera {path}"][0] in (200, 302, 404)
    nothing = {path: reply[0] for path, reply in seen["answers"].items() if "slmworks/dags" not in path}
    assert set(nothing.values()) == {404}
    assert len(nothing) == 6


def test_a_run_that_airflow_does_not_know_is_not_shown(seen) -> None:
    """A run's name in the store doesn't tell DAG `to` with run `y.…` from DAG `to.y`; a right is for one."""
    for path, reply in seen["answers"].items():
        if path.startswith("vera ") and ("/runs/none/" in path or "/dags/to/" in path):
            assert reply[0] == 404
            assert "Airflow has no such task" in reply[1]


def test_the_mlflow_link_leads_to_the_task_and_else_to_the_run(seen, mlflow) -> None:
    for task, run in {
        "student": "small",
        "quantize.bits-4": "four",
        "close": "parent",
        "approve.ask": "parent",
    }.items():
        code, _, headers = answer(seen, "vera", task, "MLflow")
        assert code == 302
        assert headers["location"] == f"{mlflow.uri}/#/experiments/7/runs/{run}"
    code, page, _ = answer(seen, "vera", "quantize.bits-8", "MLflow")
    assert code == 404
    assert "has no run for quantize.bits-8 yet" in page


def test_a_report_is_the_packet_where_there_is_one_and_else_the_record(seen, store) -> None:
    packet = store.read(page_key(KEPT)).decode()
    for task in ("gate", "register", "close", "approve.ask", "approve.record", "approve.close"):
        assert answer(seen, "vera", task, "Report")[:2] == [200, packet]
    code, page, headers = answer(seen, "vera", "student", "Report")
    assert code == 200
    assert "distill logit-kd" in page
    code, page, _ = answer(seen, "vera", "quantize.bits-4", "Report")
    assert code == 200
    assert EVIL not in page
    assert "&lt;script&gt;alert" in page
    code, page, _ = answer(seen, "vera", "quantize.bits-8", "Report")
    assert code == 404
    assert "quantize.bits=8 has left no record" in page
    policy = headers["content-security-policy"].split("; ")
    assert policy[:2] == ["default-src 'none'", "style-src 'unsafe-inline'"]
    assert headers["cache-control"] == "no-store"


# --- the pages -------------------------------------------------------------------------------------


def asked(task: str = "student", operator: str = "ProcessOperator", planned: str = "") -> Asked:
    return Asked("toy", RUN, task, planned or task, operator)


@pytest.fixture
def engine(tmp_path, monkeypatch, store):
    """Writes the engine file that the server is told of."""

    def write(text: str = "") -> Path:
        path = tmp_path / "engine.yaml"
        path.write_text(f"store: {store.root}\n{text}")
        monkeypatch.setenv("SLMWORKS_ENGINE_FILE", str(path))
        monkeypatch.delenv("SLMWORKS_TRACKING", raising=False)
        return path

    return write


def test_a_page_of_a_task_says_how_it_ended_and_what_came_of_it(store) -> None:
    task = TaskRecord.read(store, f"runs/{KEPT}/student.json")
    page = task_page(asked(), task)
    assert "<title>student: done</title>" in page
    for said in ("2026-11-22 10:00:00 UTC, 1.5 s", "distilled-from", task.manifest.digest, "[0, 1]", "on h"):
        assert said in page
    assert "0.166667 (step 5)" in task_page(
        asked("teacher"), TaskRecord.read(store, f"runs/{KEPT}/teacher.json")
    )
    assert "<script" not in page


def test_nothing_in_a_record_becomes_markup(store) -> None:
    task = TaskRecord.read(store, f"runs/{KEPT}/student.json")
    words = ("task", "step", "stage", "plugin", "state", "started", "host", "error", "trace")
    given = dict.fromkeys(words, EVIL)
    told = {"options": {EVIL: EVIL}, "inputs": {EVIL: [EVIL]}, "metrics": [{EVIL: 1.0}], "fingerprint": EVIL}
    made = task.manifest.model_copy(update={"summary": {EVIL: {EVIL: EVIL}}, "kind": EVIL, "format": EVIL})
    evil = task.model_copy(update={**given, **told, "result": made})
    run = run_record(store, KEPT).model_copy(
        update={"run": EVIL, "recipe": EVIL, "user": EVIL, "waiting": (EVIL, 1)}
    )
    who = Asked(EVIL, EVIL, EVIL, EVIL)
    for page in (task_page(who, evil), run_page(who, run, [evil]), sentence(EVIL, who)):
        assert "<script" not in page
        assert "&lt;script&gt;" in page


def test_without_a_packet_our_own_tasks_show_the_run(engine, store) -> None:
    engine()
    page = run_page(asked("close"), run_record(store, KEPT), list(task_records(store, KEPT)))
    assert "started by ada" in page
    assert "distill logit-kd" in page
    other = Asked("toy", "another", "new-data", "new-data", "NewDataOperator")
    reply = replies.report(other)
    assert reply.status == 404
    assert "has left no record" in reply.page


def test_a_refused_run_shows_no_packet_of_an_earlier_try(tmp_path, engine) -> None:
    store = open_store(str(tmp_path / "refused"))
    story = Story(store, tmp_path / "work", KEPT)
    story.record("gate", "gate paired-bootstrap", state="refused")
    story.end("refused")
    store.write(page_key(KEPT), b"passed, once")
    path = engine()
    path.write_text(f"store: {store.root}\n")
    for task in ("gate", "close"):
        reply = replies.report(asked(task))
        assert reply.status == 200
        assert "passed, once" not in reply.page
        assert "refused" in reply.page


def test_what_the_server_does_not_know_is_said_in_a_sentence(engine, monkeypatch) -> None:
    monkeypatch.delenv("SLMWORKS_ENGINE_FILE", raising=False)
    for answered in (replies.report, replies.mlflow):
        reply = answered(asked())
        assert reply.status == 503
        assert "set SLMWORKS_ENGINE_FILE" in reply.page
        assert answered(None).status == 404
    engine("storr: s3://x\n")
    reply = replies.report(asked())
    assert reply.status == 503
    assert "no such setting" in reply.page
    engine()
    reply = replies.mlflow(asked())
    assert reply.status == 404
    assert "No MLflow server is named here" in reply.page
    engine("tracking: sqlite:///mlflow.db\n")
    assert replies.mlflow(asked()).status == 404


def test_a_record_that_is_damaged_is_no_accident_of_the_server(engine, store) -> None:
    engine()
    store.write(f"runs/{run_name('toy', 'damaged')}/student.json", b"{")
    reply = replies.report(Asked("toy", "damaged", "student", "student"))
    assert reply.status == 503
    assert "Delete that run" in reply.page


# --- MLflow ----------------------------------------------------------------------------------------


@pytest.fixture
def fake():
    server = FakeMlflow()
    yield server
    server.shutdown()
    server.server_close()


def test_mlflow_is_asked_for_all_pages_and_of_doubles_the_one_that_stays_is_shown(fake) -> None:
    fake.answers["runs"] = [
        {"runs": [run_of("a", "student", 1), run_of("b", "gate")], "next_page_token": "more"},
        {
            "runs": [
                run_of("c", "student", 2, "slmworks.complete"),
                run_of("d", "student", 3, "slmworks.complete"),
            ]
        },
    ]
    assert tracked.page_of(f"{fake.uri}/", KEPT, "student") == f"{fake.uri}/#/experiments/7/runs/c"
    what, said, _ = fake.asked[1]
    assert what == "runs"
    assert said["filter"] == f"tags.`slmworks.run` = '{KEPT}'"
    assert said["experiment_ids"] == ["7"]
    assert fake.asked[2][1]["page_token"] == "more"


def test_mlflow_is_told_the_login_and_the_browser_is_not(fake, engine, monkeypatch) -> None:
    engine()
    fake.answers["runs"] = [{"runs": [run_of("a/../b", "student")]}]
    monkeypatch.setenv("SLMWORKS_TRACKING", fake.uri.replace("//", "//ada:s3cret@"))
    reply = replies.mlflow(asked())
    assert reply.location == f"{fake.uri}/#/experiments/7/runs/a%2F..%2Fb"
    assert fake.asked[0][2].startswith("Basic ")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (401, "answers 401: set MLFLOW_TRACKING_USERNAME"),
        (500, "answers 500; try again later."),
        (["no object"], "isn&#x27;t MLflow&#x27;s"),
        ({"runs": [{"info": {}}]}, "isn&#x27;t MLflow&#x27;s"),
    ],
)
def test_an_mlflow_that_does_not_answer_well_is_said_in_a_sentence(fake, engine, said, sentence) -> None:
    engine(f"tracking: {fake.uri}\n")
    fake.answers["runs"] = [said]
    reply = replies.mlflow(asked())
    assert (reply.status, reply.location) == (503, "")
    assert sentence in reply.page


def test_an_mlflow_that_is_down_is_said_in_a_sentence(engine) -> None:
    engine("tracking: http://127.0.0.1:9\n")
    reply = replies.mlflow(asked())
    assert reply.status == 503
    assert "http://127.0.0.1:9 does not answer" in reply.page


def test_an_mlflow_without_experiments_knows_no_run(fake) -> None:
    fake.answers["experiments"] = [{}]
    assert tracked.page_of(fake.uri, KEPT, "student") is None


@pytest.mark.slow
def test_a_real_mlflow_answers_the_same_way(tmp_path, store) -> None:
    import mlflow

    from slmworks.tracking.sync import sync

    server = MlflowServer(tmp_path).start()
    try:
        assert tracked.page_of(server.uri, KEPT, "student") is None
        sync(store, server.uri, KEPT)
        client = mlflow.MlflowClient(server.uri)
        experiments = [one.experiment_id for one in client.search_experiments()]
        for run in client.search_runs(experiments):
            page = f"{server.uri}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
            assert tracked.page_of(server.uri, KEPT, run.data.tags["slmworks.task"]) == page
        assert tracked.page_of(server.uri, "another", "student") is None
    finally:
        server.kill()
