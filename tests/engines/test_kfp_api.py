"""The fake KFP answers the real client, and refuses what KFP refuses."""

import json
import types
import urllib.error
import urllib.request

import pytest

kfp = pytest.importorskip("kfp")

from kfp_api import FakeKfp  # noqa: E402
from kfp_server_api import ApiException  # noqa: E402
from urllib3.exceptions import MaxRetryError  # noqa: E402

RUNS = "/apis/v2beta1/runs"


@pytest.fixture
def server():
    with FakeKfp(token="secret") as running:
        yield running


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No context and no endpoint of the person who runs the tests; retries do not wait."""
    monkeypatch.setattr(kfp.Client, "_LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    for name in ("KF_PIPELINES_ENDPOINT", "KF_PIPELINES_DEFAULT_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("kfp.client.client.time", types.SimpleNamespace(sleep=lambda _: None))


def connect(server, **more):
    return kfp.Client(host=server.url, **{"existing_token": "secret", **more})


@pytest.fixture
def client(server):
    return connect(server)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Two tasks in a row and a PVC, so that there is a platform spec too."""
    from kfp import dsl, kubernetes

    @dsl.container_component
    def say(text: str):
        return dsl.ContainerSpec(image="image:1", command=["echo"], args=[text])

    @dsl.pipeline(name="toy")
    def toy(text: str, times: int = 2):
        first = say(text=text).set_display_name("curate")
        second = say(text="again").after(first).set_display_name("train")
        kubernetes.mount_pvc(second, pvc_name="store", mount_path="/store")

    path = str(tmp_path_factory.mktemp("package") / "toy.yaml")
    kfp.compiler.Compiler().compile(toy, path)
    return path


def ask(server, method, path, body=None, token="secret"):
    """A request by hand: status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def start(client, package, **more):
    return client.create_run_from_pipeline_package(package, {"text": "hi"}, **more).run_id


# the real client


def test_a_run_from_a_package_goes_through_the_states_that_the_test_chose(server, client, package):
    experiment = client.create_experiment("toy", description="of mine")
    server.states = ["PENDING", "RUNNING", "SUCCEEDED"]
    run = start(client, package, run_name="first", experiment_name="toy", pipeline_root="s3://store/x")
    states = [client.get_run(run).state for _ in range(5)]
    assert states == ["PENDING", "RUNNING", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]
    found = client.get_run(run)
    assert found.experiment_id == experiment.experiment_id
    assert found.finished_at > found.created_at
    assert [one.state for one in found.state_history] == states[:3]
    (asked,) = server.asked("POST", "/runs")
    assert set(asked.body["pipeline_spec"]) == {"pipeline_spec", "platform_spec"}
    assert asked.body["runtime_config"] == {"parameters": {"text": "hi"}, "pipeline_root": "s3://store/x"}
    assert server.violations == []


def test_tasks_have_their_own_states_and_stand_among_the_nodes_of_argo(server, client, package):
    server.states = ["RUNNING", "RUNNING", "FAILED"]
    server.tasks = {"curate": ["RUNNING", "SUCCEEDED"], "train": ["", "RUNNING", "FAILED"]}
    server.errors = {"train": "exit status 1"}
    run = start(client, package)

    def shown():
        return {one.display_name: one for one in client.get_run(run).run_details.task_details}

    looks = [shown() for _ in range(3)]
    assert [look["curate"].state for look in looks] == ["RUNNING", "SUCCEEDED", "SUCCEEDED"]
    assert "train" not in looks[0]
    assert looks[1]["train"].state == "RUNNING"
    assert looks[2]["train"].state == "FAILED"
    assert looks[2]["train"].error.message == "exit status 1"
    assert {"root", "root-driver", "train-driver", "executor"} <= set(looks[2])
    assert server.violations == []


def test_a_run_of_an_uploaded_version(server, client, package):
    pipeline = client.upload_pipeline(package, "toy", description="the toy")
    version = client.upload_pipeline_version(package, "v2", pipeline_id=pipeline.pipeline_id)
    assert client.get_pipeline_id("toy") == pipeline.pipeline_id
    assert client.get_pipeline(pipeline.pipeline_id).description == "the toy"
    listed = client.list_pipeline_versions(pipeline.pipeline_id).pipeline_versions
    assert [one.display_name for one in listed] == ["toy", "v2"]
    spec = client.get_pipeline_version(pipeline.pipeline_id, version.pipeline_version_id).pipeline_spec
    assert spec["pipeline_spec"]["pipelineInfo"]["name"] == "toy"
    experiment = client.get_experiment(experiment_name="Default").experiment_id
    run = client.run_pipeline(experiment, "of v2", params={"text": "x"}, pipeline_id=pipeline.pipeline_id,
                              version_id=version.pipeline_version_id)  # fmt: skip
    assert (
        client.get_run(run.run_id).pipeline_version_reference.pipeline_version_id
        == version.pipeline_version_id
    )
    with pytest.raises(ApiException, match="already exists") as refused:
        client.upload_pipeline(package, "toy")
    assert refused.value.status == 409
    assert server.violations == []


def test_lists_come_in_pages_in_order_and_filtered(server, client, package):
    other = client.create_experiment("other").experiment_id
    for name in ("a", "b", "c"):
        start(client, package, run_name=name)
    start(client, package, run_name="d", experiment_id=other)

    def names(listed):
        return [one.display_name for one in listed.runs or []]

    first = client.list_runs(page_size=3, sort_by="created_at desc")
    assert (names(first), first.total_size) == (["d", "c", "b"], 4)
    rest = client.list_runs(page_size=3, sort_by="created_at desc", page_token=first.next_page_token)
    assert (names(rest), rest.next_page_token) == (["a"], None)
    assert names(client.list_runs(experiment_id=other)) == ["d"]
    only_b = {"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": "b"}]}
    assert names(client.list_runs(filter=json.dumps(only_b))) == ["b"]
    nobody = {"predicates": [{"operation": 8, "key": "display_name", "stringValues": {"values": ["x", "y"]}}]}
    assert client.list_runs(filter=json.dumps(nobody)).runs is None  # KFP leaves empty lists out
    assert server.violations == []


def test_a_terminated_run_is_cancelled_and_cannot_be_terminated_again(server, client, package):
    run = start(client, package)
    client.terminate_run(run)
    assert client.list_runs().runs[0].state == "CANCELING"
    assert [client.get_run(run).state for _ in range(2)] == ["CANCELING", "CANCELED"]
    with pytest.raises(ApiException, match="Row not found"):
        client.terminate_run(run)
    client.delete_run(run)
    with pytest.raises(ApiException, match=f"run {run} not found"):
        client.get_run(run)
    assert server.violations == []


@pytest.mark.parametrize("when", [{"cron_expression": "0 0 9 ? * 2-6"}, {"interval_second": 3600}])
def test_recurring_runs_are_switched_listed_and_deleted(server, client, package, when):
    experiment = client.create_experiment("nightly").experiment_id
    made = client.create_recurring_run(experiment, "every night", pipeline_package_path=package,
                                       params={"text": "hi"}, no_catchup=True, **when)  # fmt: skip
    assert made.status == "ENABLED"
    assert made.max_concurrency == "1"
    schedule = made.trigger.cron_schedule or made.trigger.periodic_schedule
    assert str(next(iter(when.values()))) in {
        getattr(schedule, "cron", ""),
        getattr(schedule, "interval_second", ""),
    }
    client.disable_recurring_run(made.recurring_run_id)
    assert client.get_recurring_run(made.recurring_run_id).mode == "DISABLE"
    client.enable_recurring_run(made.recurring_run_id)
    (listed,) = client.list_recurring_runs(experiment_id=experiment).recurring_runs
    assert (listed.display_name, listed.status) == ("every night", "ENABLED")
    client.delete_recurring_run(made.recurring_run_id)
    assert client.list_recurring_runs().recurring_runs is None
    assert server.violations == []


def test_several_users_have_namespaces(package):
    with FakeKfp(multi_user=True) as server:
        client = connect(server)
        assert server.asked("GET", "/healthz")
        client.create_experiment("toy", namespace="mine")
        run = start(client, package, experiment_name="toy", namespace="mine")
        assert client.list_runs(namespace="mine").runs[0].run_id == run
        assert client.list_runs(namespace="theirs").runs is None
        assert server.violations == []


# what goes wrong outside


def test_a_wrong_token(server):
    with pytest.raises(TimeoutError, match="Failed getting healthz endpoint after 5 attempts"):
        connect(server, existing_token="stale")
    assert [one.status for one in server.requests] == [401] * 5
    with pytest.raises(
        ApiException, match="bearer token"
    ) as refused:  # a namespace spares the look at healthz
        connect(server, existing_token="stale", namespace="mine").list_runs()
    assert (refused.value.status, json.loads(refused.value.body)["code"]) == (401, 16)
    assert server.violations == []


def test_a_server_that_is_down_and_comes_back(server, client, package):
    run = start(client, package)
    server.stop()
    with pytest.raises(MaxRetryError, match="Connection refused"):
        client.get_run(run)
    server.start()
    assert client.get_run(run).state == "PENDING"


def test_answers_that_the_test_orders(server, client, package):
    run = start(client, package)
    server.fail(503, "/runs/", times=2)
    server.fail(404, "/recurringruns", method="POST")
    assert [ask(server, "GET", f"{RUNS}/{run}")[0] for _ in range(3)] == [503, 503, 200]
    assert ask(server, "GET", "/apis/v2beta1/recurringruns") == (200, {})
    with pytest.raises(ApiException) as refused:
        client.create_recurring_run("x", "y", interval_second=1, pipeline_package_path=package)
    assert refused.value.status == 404
    assert server.violations == []


# what the fake refuses


def body(package, **more):
    doc = kfp.client.client._extract_pipeline_yaml(package)
    return {"display_name": "x", "pipeline_spec": doc.to_dict(),
            "runtime_config": {"parameters": {"text": "hi"}}, **more}  # fmt: skip


def edited(package, edit):
    made = body(package)
    edit(made["pipeline_spec"]["pipeline_spec"])
    return made


WRONG_RUNS = {
    "an unknown field": (lambda p: body(p, name="x"), "'name' was unexpected"),
    "a field's JSON name": (lambda p: body(p, serviceAccount="x"), "'serviceAccount' was unexpected"),
    "a wrong type": (lambda p: body(p, display_name=7), "7 is not of type 'string'"),
    "a nested wrong type": (
        lambda p: body(p, runtime_config={"parameters": []}),
        "runtime_config.parameters",
    ),
    "an unknown state": (lambda p: body(p, state="DONE"), "'DONE' is not one of"),
    "a date for a time": (lambda p: body(p, scheduled_at="2026-01-01"), "not a 'date-time'"),
    "no name": (lambda p: body(p, display_name=""), "display_name"),
    "no pipeline": (lambda p: {"display_name": "x"}, "exactly one of"),
    "two pipelines": (lambda p: body(p, pipeline_version_reference={}), "exactly one of"),
    "a missing parameter": (lambda p: body(p, runtime_config={}), "text is not optional"),
    "an unknown parameter": (
        lambda p: body(p, runtime_config={"parameters": {"text": "", "tex": 1}}),
        "'tex'",
    ),
    "a parameter's type": (
        lambda p: body(p, runtime_config={"parameters": {"text": 1}}),
        "requires type STRING",
    ),
    "a spec's field": (lambda p: edited(p, lambda spec: spec.update(tasks={})), 'no field named "tasks"'),
    "a spec's version": (lambda p: edited(p, lambda spec: spec.update(schemaVersion="2.0.0")), "2.1.0"),
    "a spec's root": (lambda p: edited(p, lambda spec: spec.pop("root")), "root"),
    "a spec's component": (
        lambda p: edited(p, lambda spec: spec["components"].popitem()),
        "unknown component",
    ),
    "a platform": (
        lambda p: body(p, pipeline_spec={**body(p)["pipeline_spec"], "platform_spec": {"x": 1}}),
        '"x"',
    ),
}


@pytest.mark.parametrize("case", WRONG_RUNS)
def test_a_wrong_run_is_refused_and_remembered(server, package, case):
    make, said = WRONG_RUNS[case]
    status, answer = ask(server, "POST", RUNS, make(package))
    assert (status, answer["code"]) == (400, 3)
    assert said in answer["message"]
    assert server.violations == [f"POST {RUNS}: {answer['message']}"]
    assert not server.runs


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trigger": {"cron_schedule": {"cron": "0 9 * * 1"}}}, "six fields"),
        ({"trigger": {"periodic_schedule": {"interval_second": 0}}}, "at least 1"),
        ({"trigger": {"periodic_schedule": {"interval_second": "1h"}}}, "interval_second"),
        ({"trigger": {}}, "trigger"),
        ({"max_concurrency": 11}, "max_concurrency"),
        ({"mode": "ENABLED"}, "'ENABLED' is not one of"),
    ],
)
def test_a_wrong_recurring_run_is_refused_and_remembered(server, package, change, said):
    right = body(package, mode="ENABLE", max_concurrency=1, trigger={"cron_schedule": {"cron": "@daily"}})
    status, _ = ask(server, "POST", "/apis/v2beta1/recurringruns", right)
    assert (status, server.violations) == (200, [])
    status, answer = ask(server, "POST", "/apis/v2beta1/recurringruns", {**right, **change})
    assert status == 400
    assert said in answer["message"]
    assert len(server.violations) == 1


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/apis/v1beta1/runs", 404, "KFP has no GET"),
        ("POST", f"{RUNS}/x:stop", 404, "KFP has no POST"),
        ("PUT", RUNS, 404, "KFP has no PUT"),
        ("GET", f"{RUNS}?pageSize=3", 400, "no query parameter 'pageSize'"),
        ("GET", f"{RUNS}?page_size=all", 400, "no int"),
        ("GET", f"{RUNS}?page_size=1&page_size=2", 400, "twice"),
        ("GET", f"{RUNS}?page_token=x", 400, "page_token"),
        ("GET", f"{RUNS}?sort_by=age", 400, "not a field"),
        ("GET", f"{RUNS}?filter=%7B", 400, "filter"),
        ("GET", f"{RUNS}?filter=%7B%22predicate%22%3A1%7D", 400, "'predicate' was unexpected"),
        ("POST", f"{RUNS}", 400, "not JSON"),
        ("POST", "/apis/v2beta1/pipelines/upload?name=x", 400, "multipart/form-data"),
        ("POST", f"{RUNS}/x:retry", 501, "does not serve"),
    ],
)
def test_a_request_that_kfp_does_not_have_is_a_violation(server, method, path, status, said):
    got, answer = ask(server, method, path)
    assert got == status
    assert said in answer["message"]
    assert len(server.violations) == 1


def test_what_is_merely_not_there_is_no_violation(server):
    for path in ("runs/x", "experiments/x", "recurringruns/x", "pipelines/x"):
        assert ask(server, "GET", f"/apis/v2beta1/{path}")[0] == 404
    assert server.violations == []


def test_a_wrong_answer_of_the_fake_is_a_violation_too(server, client, package):
    server.states = ["RUNING"]
    with pytest.raises(ApiException, match="'RUNING' is not one of"):
        start(client, package)
    assert len(server.violations) == 1
