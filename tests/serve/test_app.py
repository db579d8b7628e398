"""The HTTP service: what it answers, and what it says to a bad question."""

import base64
import hashlib
import re
import subprocess
import sys
import time

import pytest
from starlette.testclient import TestClient

from releases import built, word_counter
from slmworks.contract import catalog
from slmworks_serve.app import Service, create_app
from slmworks_serve.limits import Limits
from slmworks_serve.model import load

EXAMPLE = catalog.model_task("text-classification").example["text"]
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    return built(word_counter(folder / "model"), folder / "release")


@pytest.fixture(scope="module")
def client(release):
    with TestClient(create_app(Service(load(release), 2))) as client:
        yield client


def test_one_text(client):
    answer = client.post("/classify", json={"text": "good, good again"}).json()
    assert (answer["label"], answer["model"], answer["version"]) == ("positive", "reviews", 3)
    assert answer["score"] == max(answer["scores"].values()) > 0.9
    assert sum(answer["scores"].values()) == pytest.approx(1)


def test_many_texts_are_answered_in_order(client):
    body = b'{"texts": ["awful", "plain", "", "good \\ud83d\\ude42"]}'
    reply = client.post("/classify", content=body, headers=JSON)
    labels = [answer["label"] for answer in reply.json()["answers"]]
    assert (labels[0], labels[1], labels[3]) == ("negative", "neutral", "positive")
    assert len(labels) == 4
    assert client.post("/classify", json={"texts": []}).json()["answers"] == []


def test_an_answer_says_whether_its_text_was_cut(release):
    at_most, longer = "good " * 32, "good " * 33
    with TestClient(create_app(Service(load(release), 1))) as client:
        assert client.post("/classify", json={"text": at_most}).json()["truncated"] is False
        assert client.post("/classify", json={"text": longer}).json()["truncated"] is True
        several = client.post("/classify", json={"texts": [longer, "good", longer]}).json()["answers"]
        assert [answer["truncated"] for answer in several] == [True, False, True]
        assert "slmworks_truncated_texts_total 3.0" in client.get("/metrics").text.splitlines()
        known = client.get("/openapi.json").json()["components"]["schemas"]
    for name in ("Label", "One"):
        assert known[name]["properties"]["truncated"]["type"] == "boolean"
        assert "longer than the model reads" in known[name]["properties"]["truncated"]["description"]
        assert "truncated" in known[name]["required"]


def test_ready_names_the_release(client, release):
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready").json()
    assert (ready["name"], ready["version"], ready["model_digest"]) == (
        "reviews",
        3,
        release.entry.model_digest,
    )
    assert ready["model_task"] == "text-classification"
    assert ready["labels"] == ["negative", "neutral", "positive"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not UTF-8 (byte 0, 0xff)"),
        (b"", 400, "not JSON"),
        (b"good", 400, "not JSON"),
        (b'{"text":"a"} {"text":"b"}', 400, "not JSON"),
        (b"{'text':'a'}", 400, "not JSON"),
        (b'{"text":"\\ud83d"}', 400, "not JSON"),
        (b'{"text":"a\nb"}', 400, "not JSON"),
        (b"[" * 5000, 400, "not JSON"),
        (b"null", 422, '{"texts":'),
        (b"7", 422, '{"texts":'),
        (b'"good"', 422, '{"texts":'),
        (b"[]", 422, '{"texts":'),
        (b"{}", 422, "give either 'text' or 'texts'"),
        (b'{"text":null}', 422, "give either 'text' or 'texts'"),
        (b'{"text":"a","texts":["b"]}', 422, "give either 'text' or 'texts'"),
        (b'{"text":1}', 422, "text: Input should be a valid string"),
        (b'{"text":["a"]}', 422, "text: Input should be a valid string"),
        (b'{"texts":"a"}', 422, "texts: Input should be a valid array"),
        (b'{"texts":["a",null]}', 422, "texts.1: Input should be a valid string"),
        (b'{"texts":[["a"]]}', 422, "texts.0: Input should be a valid string"),
        (b'{"txt":"a"}', 422, "txt: Extra inputs are not permitted"),
        (b'{"texts":[' + b'"a",' * 1000 + b'"a"]}', 422, "1001 texts, at most 1000"),
        (b'{"text":"' + b"a" * 20_001 + b'"}', 422, "20001 characters; at most 20000"),
    ],
)
def test_a_bad_question_gets_one_clear_line(client, body, status, words):
    reply = client.post("/classify", content=body, headers=JSON)
    assert reply.status_code == status
    assert words in reply.json()["error"]
    assert "\n" not in reply.json()["error"]


def test_a_form_is_told_which_content_type_to_send(client):
    reply = client.post("/classify", data={"text": "good"})
    assert reply.status_code == 415
    assert "content-type: application/json" in reply.json()["error"]


def test_a_long_body_is_refused_with_and_without_a_length(client):
    def endless():
        for _ in range(2000):
            yield b"x" * 1024

    for content in (b"x" * (1 << 20) + b"x", endless()):
        reply = client.post("/classify", content=content)
        assert reply.status_code == 413
        assert "1048576 bytes" in reply.json()["error"]


def test_an_unknown_page_and_a_wrong_method(client):
    assert "GET /nothing: Not Found" in client.get("/nothing").json()["error"]
    assert client.get("/classify").status_code == 405


def test_the_page_needs_no_other_host(client):
    text = client.get("/docs").text
    assert "reviews v3" in text
    assert EXAMPLE in text
    assert "/classify" in text
    assert "https://" not in text
    assert "src=" not in text
    assert client.get("/openapi.json").json()["info"]["title"] == "reviews v3"


def test_the_page_runs_its_own_script_and_no_other(client):
    reply = client.get("/docs")
    policy = reply.headers["content-security-policy"]
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", reply.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}';" in policy
    assert "default-src 'none'; " in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert " on" not in " ".join(re.findall(r"<[a-z]+ [^>]*>", reply.text))  # no handler in an attribute


def test_the_process_that_serves_has_neither_torch_nor_mlflow(release):
    code = (
        "import sys, pathlib; from slmworks_serve.app import Service, create_app;"
        "from slmworks.registry.release import Approved; from slmworks.registry.state import Entry;"
        "from slmworks_serve.model import load;"
        "import slmworks_serve.run, slmworks_serve.deploy, slmworks_serve.edge;"
        "found = Approved(pathlib.Path(sys.argv[1]), Entry.model_validate_json(sys.argv[2]));"
        "create_app(Service(load(found), 1));"
        "print([m for m in ('torch', 'mlflow', 'transformers', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(release.folder), release.entry.model_dump_json()],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_prometheus_reads_what_happened(release):
    with TestClient(create_app(Service(load(release), 1))) as client:
        client.post("/classify", json={"texts": ["good", "awful"]})
        client.post("/classify", content=b"{", headers=JSON)
        lines = client.get("/metrics").text.splitlines()
    for line in (
        'slmworks_requests_total{status="200"} 1.0',
        'slmworks_requests_total{status="400"} 1.0',
        'slmworks_labels_total{label="positive",version="3"} 1.0',
        "slmworks_request_seconds_count 2.0",
        "slmworks_batch_texts_sum 2.0",
        "slmworks_queued_texts 0.0",
        "slmworks_requests_in_flight 0.0",
    ):
        assert line in lines
    assert any(
        f'model_digest="{release.entry.model_digest}",name="reviews",version="3"' in line for line in lines
    )


def test_ready_says_when_the_server_is_stopping(release):
    service = Service(load(release), 1)
    service.stopping = lambda: True
    reply = TestClient(create_app(service)).get("/ready")
    assert (reply.status_code, reply.json()["status"]) == (503, "stopping")


def test_too_late_is_said_and_the_server_goes_on(release):
    service = Service(load(release), 1, Limits(deadline=0.2))
    model = Slow(service.model, seconds=0.6)
    with TestClient(create_app(service)) as client:
        service.model = model
        reply = client.post("/classify", json={"text": "good"})
        assert (reply.status_code, "0.2 s" in reply.json()["error"]) == (504, True)
        time.sleep(0.6)
        model.seconds = 0
        assert client.post("/classify", json={"text": "good"}).json()["label"] == "positive"


class Slow:
    """A loaded model that takes its time."""

    def __init__(self, model, seconds):
        self.model, self.seconds = model, seconds

    def __getattr__(self, name):
        return getattr(self.model, name)

    def answer(self, rows):
        time.sleep(self.seconds)
        return self.model.answer(rows)
