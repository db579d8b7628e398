"""A model task that the server never heard of: two inputs, a dialect, answers without a label to count."""

import pytest
from starlette.testclient import TestClient

from reading import reading, span_finder  # noqa: F401 - a fixture
from releases import approve, built, register
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks.testing import Bench
from slmworks_serve.app import Service, create_app
from slmworks_serve.client import ask_once
from slmworks_serve.deploy import DeployServer
from slmworks_serve.follow import Follow
from slmworks_serve.limits import Limits
from slmworks_serve.model import load

JSON = {"content-type": "application/json"}
ROW = {"question": "Where?", "context": "She is in Oslo today"}


@pytest.fixture
def service(reading, tmp_path):
    approved = built(span_finder(tmp_path / "finder"), tmp_path / "release", name="spans")
    return Service(load(approved), 1, Limits(max_characters=100, max_texts=10))


@pytest.fixture
def client(service):
    with TestClient(create_app(service)) as client:
        yield client


def test_one_row_and_several(client):
    one = client.post("/extract", json=ROW).json()
    assert one == {
        "span": "Oslo", "start": 10, "scores": {"Oslo": 1.0}, "others": ["today"], "model": "spans", "version": 3,
    }  # fmt: skip
    rows = [ROW, {**ROW, "context": "in Rome"}, {**ROW, "context": ""}]
    several = client.post("/extract", json={"rows": rows}).json()
    assert [answer["span"] for answer in several["answers"]] == ["Oslo", "Rome", ""]
    assert (several["model"], several["version"]) == ("spans", 3)
    assert client.post("/extract", json={"rows": []}).json()["answers"] == []
    assert client.post("/classify", json=ROW).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"[]", 422, '{"question": "…", "context": "…"} or {"rows": [{'),
        (b"{}", 422, "give either 'question' and 'context' or 'rows'"),
        (b'{"question":"a"}', 422, "give either 'question' and 'context' or 'rows'"),
        (b'{"question":"a","context":"b","rows":[]}', 422, "give either"),
        (b'{"question":"a","context":1}', 422, "context: Input should be a valid string"),
        (b'{"text":"a"}', 422, "text: Extra inputs are not permitted"),
        (b'{"rows":[{"question":"a"}]}', 422, "rows.0.context: Field required"),
        (b'{"rows":[{"question":"a","context":"b","id":"1"}]}', 422, "id: Extra inputs are not permitted"),
        (
            b'{"rows":[' + b",".join([b'{"question":"a","context":"b"}'] * 11) + b"]}",
            422,
            "11 rows, at most 10",
        ),
        (b'{"question":"' + b"a" * 60 + b'","context":"' + b"b" * 60 + b'"}', 422, "a row of 120 characters"),
    ],
)
def test_a_bad_question_gets_one_clear_line(client, body, status, words):
    reply = client.post("/extract", content=body, headers=JSON)
    assert (reply.status_code, words in reply.json()["error"]) == (status, True), reply.text
    assert "\n" not in reply.json()["error"]


def test_a_dialect_is_answered_on_its_own_route_within_the_same_limits(client):
    reply = client.post("/v1/completions", json={"prompt": "Where?|in Oslo", "n": 2}).json()
    assert reply == {"object": "completion", "model": "spans", "choices": [{"text": "Oslo"}] * 2}
    for body, status, words in (
        (b"{", 400, "not JSON"),
        (b"{}", 422, "prompt: Field required. Send content-type: application/json; /openapi.json describes"),
        (b'{"prompt":"Where?"}', 422, "prompt: has no '|' between question and context."),
        (b'{"prompt":"Where?|in Oslo","n":11}', 422, "11 rows, at most 10"),
        (b'{"prompt":"|' + b"a" * 101 + b'"}', 422, "a row of 101 characters; at most 100"),
    ):
        refused = client.post("/v1/completions", content=body, headers=JSON)
        assert (refused.status_code, words in refused.json()["error"]) == (status, True), refused.text
    assert client.post("/v1/completions", data={"prompt": "a|b"}).status_code == 415
    lines = client.get("/metrics").text.splitlines()
    assert 'slmworks_requests_total{status="200"} 1.0' in lines
    assert 'slmworks_requests_total{status="422"} 4.0' in lines
    assert "slmworks_batch_texts_sum 2.0" in lines
    assert not any(line.startswith("slmworks_labels_total") for line in lines)


def test_ready_the_page_and_the_document_speak_of_this_model_task(client):
    ready = client.get("/ready").json()
    assert (ready["model_task"], ready["language"], "labels" in ready) == (
        "reading-comprehension",
        "en",
        False,
    )
    document = client.get("/openapi.json").json()
    assert {"/extract", "/v1/completions", "/ready"} < set(document["paths"])
    schemas = document["components"]["schemas"]
    assert list(schemas["Question"]["properties"]) == ["question", "context", "rows"]
    assert schemas["Span"]["properties"]["start"]["description"] == "Characters before it."
    assert schemas["Prompt"]["required"] == ["prompt"]
    assert schemas["Ready"]["properties"]["language"]["type"] == "string"
    text = client.get("/docs").text
    for part in (
        "Where does she live?",
        "Reading comprehension, model",
        ">Extract</button>",
        "/v1/completions",
    ):
        assert part in text
    assert text.count("<textarea") == 2


def test_a_command_asks_with_json(reading, tmp_path):
    store = open_store(str(tmp_path / "store"))
    register(store, span_finder(tmp_path / "finder"), name="spans")
    approve(store, name="spans")
    said = ask_once(store, "spans", None, '{"question": "Where?", "context": "in Oslo"}')
    assert (said.answer["span"], said.address.endswith("/extract")) == ("Oslo", True)
    with pytest.raises(BadRequest, match="is asked a JSON object with question, context"):
        ask_once(store, "spans", None, "Where?")


def test_a_deployment_records_the_model_tasks_example(reading, tmp_path):
    store = open_store(str(tmp_path / "store"))
    release = register(store, span_finder(tmp_path / "finder"), name="spans")
    approve(store, name="spans")
    deployment = DeployServer().run(release=release, task=Bench(tmp_path).release_task("deploy", store))
    assert deployment.summary == {"answer": "Oslo"}  # it doesn't say how sure it is
    assert '"question": "Where does she live?"' in (deployment.path / "deployment.json").read_text()


def test_a_champion_of_another_model_task_is_not_switched_to(reading, store, tmp_path, capsys):
    approved = approved_release(Registry(store), "reviews")
    service = Service(load(approved), 1)
    register(store, span_finder(tmp_path / "finder"), name="reviews")
    approve(store, 3)
    Follow(service, Registry(store)).look()
    assert (service.model.served.version, service.model.task.name) == (1, "text-classification")
    said = capsys.readouterr().err
    assert "v1 goes on: v3 is a model for reading-comprehension, not for text-classification" in said
    assert said.count("\n") == 1


def test_texts_in_lists_count_for_the_limits():
    from slmworks.contract.runtime import length

    assert length({"messages": [{"role": "user", "content": "abc"}], "n": 3}) == 7
