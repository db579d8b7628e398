"""`submit`, `cancel`, `runs` and `approve` against a Kubeflow that checks every request and answer."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

kfp = pytest.importorskip("kfp")

from kfp_api import FakeKfp  # noqa: E402

from slmworks.engines.close_run import close  # noqa: E402
from slmworks.engines.kubeflow.runs import keep_following, note  # noqa: E402
from slmworks.execution.records import run_record  # noqa: E402

ENGINE = """\
store: .slmworks
images: registry.example/works
families: {slmworks-toy: {image: "registry.example/toy:1"}}
volumes: [{claim: store, path: FOLDER}]
kubeflow: {host: HOST, experiment: toys, service_account: trainer}
"""


@pytest.fixture
def server():
    with FakeKfp(token="letmein") as running:
        yield running
        assert running.violations == []


@pytest.fixture
def cli(works, server, tmp_path):
    """Run `slmworks` as a person would, from the recipe's folder."""
    works.write()
    (works.folder / "engine.yaml").write_text(
        ENGINE.replace("HOST", server.url).replace("FOLDER", str(works.folder))
    )
    (tmp_path / "home").mkdir()

    def run(*words: str, token: str = "letmein", **more: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "HOME": str(tmp_path / "home"), "KUBEFLOW_TOKEN": token, **more}
        env.pop("KF_PIPELINES_ENDPOINT", None)
        return subprocess.run(
            [sys.executable, "-m", "slmworks", *words], cwd=works.folder, env=env, text=True,
            capture_output=True, timeout=120, check=False,
        )  # fmt: skip

    return run


SUBMIT = ("submit", "toy.yaml", "--engine-file", "engine.yaml")


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error."""
    assert "Traceback" not in done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_run_is_submitted_and_listed_beside_local_ones(works, server, cli) -> None:
    local = works.run()
    done = cli(*SUBMIT)
    assert done.returncode == 0, done.stderr
    (run,) = server.runs
    assert f"run {run}" in done.stdout
    assert f"{server.url}/#/runs/details/{run}" in done.stdout
    (asked,) = server.asked("POST", "/runs")
    assert asked.body["service_account"] == "trainer"
    assert server.experiments[asked.body["experiment_id"]]["display_name"] == "toys"
    listed = cli("runs").stdout
    assert re.search(rf"{run[:8]} +kubeflow +toy +submitted", listed)
    assert re.search(rf"{local.id} +local +toy +done", listed)


def test_a_store_may_lie_on_a_volume_of_the_defaults(works, server, cli) -> None:
    engine = works.folder / "engine.yaml"
    text = engine.read_text()
    engine.write_text(
        text.replace("volumes: ", "defaults: {volumes: ").replace("}]\nkubeflow", "}]}\nkubeflow")
    )
    done = cli(*SUBMIT)
    assert done.returncode == 0, done.stderr
    assert len(server.runs) == 1


def test_waiting_tells_the_states_of_tasks_as_they_change(server, cli) -> None:
    server.states = ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    server.tasks = {"raw": ["RUNNING", "SUCCEEDED"], "curate": ["", "", "RUNNING", "SUCCEEDED"]}
    done = cli(*SUBMIT, "--wait")
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith(("run ", "▸", "✓"))]
    assert lines[0] == "run    pending"
    assert lines.index("▸ curate: running") < lines.index("✓ curate: succeeded")
    assert lines[-1] != lines[0]
    assert "root-driver" not in done.stdout


@pytest.mark.parametrize(
    ("states", "code", "said"),
    [
        (["RUNNING", "FAILED"], 1, "failed"),
        (["RUNNING", "CANCELING", "CANCELED"], 1, "was cancelled"),
    ],
)
def test_a_run_that_ends_badly_is_one_line(works, server, cli, states, code, said) -> None:
    server.states = states
    done = cli(*SUBMIT, "--wait")
    assert done.returncode == code
    (run,) = server.runs
    said_last = done.stderr.splitlines()[-1]
    assert said_last == f"slmworks: run {run} {said}; see {server.url}/#/runs/details/{run}"
    assert run_record(works.store, run).state == {"failed": "failed", "was cancelled": "stopped"}[said]


def test_waiting_outlives_a_short_outage(server, cli) -> None:
    server.states = ["RUNNING", "RUNNING", "SUCCEEDED"]
    server.fail(503, match="/runs/", method="GET", times=2)
    assert cli(*SUBMIT, "--wait").returncode == 0


def test_a_schedule_with_and_without_seconds(server, cli) -> None:
    for given, sent in (("0 3 * * 1", "0 0 3 * * 1"), ("30 0 3 * * 1", "30 0 3 * * 1")):
        done = cli(*SUBMIT, "--schedule", given)
        assert done.returncode == 0, done.stderr
        made = list(server.recurring_runs.values())[-1]
        assert made["trigger"]["cron_schedule"]["cron"] == sent
        assert f"slmworks cancel {made['recurring_run_id']}" in done.stdout
    ended = cli("cancel", made["recurring_run_id"], "--engine-file", "engine.yaml")
    assert ended.stdout.startswith("schedule ")
    assert len(server.recurring_runs) == 1


def test_a_run_is_cancelled_and_its_record_closed(works, server, cli) -> None:
    server.states = ["RUNNING"]
    server.after_terminate = ["CANCELED"]
    cli(*SUBMIT)
    (run,) = server.runs
    done = cli("cancel", run[:8], "--engine-file", "engine.yaml")
    assert (done.returncode, done.stdout) == (0, f"run {run} is being stopped\n")
    assert re.search(
        rf"{run[:8]} +kubeflow +toy +stopped", cli("runs", "--engine-file", "engine.yaml").stdout
    )
    assert run_record(works.store, run).ended


@pytest.mark.parametrize(
    ("words", "more", "code", "said"),
    [
        (SUBMIT, {"token": "wrong"}, 2, "the token is wrong or has expired (401); set KUBEFLOW_TOKEN"),
        ((*SUBMIT, "--host", "http://127.0.0.1:9"), {}, 1, "cannot be reached (Connection refused)"),
        (("cancel", "nope", "--engine-file", "engine.yaml"), {}, 2, "knows no run or schedule nope"),
        (("submit", "--engine-file", "engine.yaml"), {}, 2, "needs a RECIPE, or --after RUN"),
        ((*SUBMIT, "--schedule", "every day"), {}, 2, "a cron line has five fields"),
        ((*SUBMIT, "--schedule", "0 3 * * 1", "--wait"), {}, 2, "leave out --wait"),
        (("submit", "tyo.yaml", "--engine-file", "engine.yaml"), {}, 2, "Did you mean 'toy.yaml'?"),
        (("submit", "toy.yaml", "--engine-file", "engin.yaml"), {}, 2, "Did you mean 'engine.yaml'?"),
        (("submit", "toy.yaml"), {}, 2, "names no store"),
        (("submit", "toy.yaml", "--store", "s3://bucket/team"), {}, 2, "no Kubeflow: give --host"),
        (("submit", "toy.yaml", "--store", ".slmworks"), {}, 2, "pods don't see this machine's folders"),
        ((*SUBMIT, "--schedule", ""), {}, 2, "a cron line has five fields"),
        ((*SUBMIT, "--host", "http://bob:hunter2@kf"), {}, 2, "http://kf: credentials don't belong"),
        (("submit", "--after", "x", "--engine-file", "engine.yaml"), {}, 2, "no run 'x' in"),
        ((*SUBMIT, "--fresh", "teachr"), {}, 2, "Did you mean 'teacher'?"),
    ],
)  # fmt: skip
def test_what_can_go_wrong_is_one_line_and_starts_nothing(server, cli, words, more, code, said) -> None:
    done = cli(*words, **more)
    assert said in one_line(done)
    assert "hunter2" not in done.stderr
    assert done.returncode == code
    assert not server.runs


def test_a_server_of_something_else_is_said(server, cli) -> None:
    server.fail(404, match="healthz")
    assert "is not the API of Kubeflow Pipelines (its health page answers 404)" in one_line(cli(*SUBMIT))


def test_a_server_that_breaks_is_said(server, cli) -> None:
    server.fail(500, match="/runs", method="POST")
    assert cli(*SUBMIT).returncode == 1
    assert "(500); try again later." in one_line(cli(*SUBMIT))


def test_in_a_cluster_the_account_s_token_is_taken(server, cli, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("letmein\n")
    done = cli(*SUBMIT, token="", KF_PIPELINES_SA_TOKEN_PATH=str(token))
    assert done.returncode == 0, done.stderr


def test_what_follows_an_approval_can_be_submitted_later(works, server, cli) -> None:
    cli(*SUBMIT)
    (first,) = server.runs
    keep_following(works.store, first, SECOND)
    done = cli("submit", "--after", first[:8], "--engine-file", "engine.yaml")
    assert done.returncode == 0, done.stderr
    assert server.asked("POST", "/runs")[-1].body["runtime_config"] == {"parameters": {"first_run": first}}


SECOND = """\
components:
  comp-approve:
    executorLabel: exec-approve
    inputDefinitions: {parameters: {earlier_run: {parameterType: STRING}}}
deploymentSpec:
  executors: {exec-approve: {container: {image: "core:1", command: [approve]}}}
pipelineInfo: {name: toy-after-approval}
root:
  dag:
    tasks:
      approve:
        componentRef: {name: comp-approve}
        inputs: {parameters: {earlier_run: {componentInputParameter: first_run}}}
        taskInfo: {name: approve}
  inputDefinitions: {parameters: {first_run: {parameterType: STRING}}}
schemaVersion: 2.1.0
sdkVersion: kfp-2.17.0
"""


def test_a_run_that_was_closed_is_not_opened_again(works) -> None:
    note(works.store, "r1", {"recipe": "toy", "plan": []})
    close(works.store, "r1", "done", {"recipe": "toy", "plan": []}, engine="kubeflow", tracking="")
    note(works.store, "r1", {"recipe": "toy", "plan": []})
    assert run_record(works.store, "r1").state == "done"
