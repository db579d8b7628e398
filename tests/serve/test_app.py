"""The HTTP service: what it answers, and what it says to a bad question."""

import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from releases import word_counter
from slmworks.release import EXAMPLE, build
from slmworks_serve.app import Served, create_app

JSON = {"content-type": "application/json"}
SERVED = Served(name="reviews", version=3, model_digest="a" * 64, wrapper_digest="b" * 64)


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    build(folder, word_counter(tmp_path_factory.mktemp("model")))
    return folder


@pytest.fixture(scope="module")
def client(release):
    return TestClient(create_app(release, SERVED, 2))


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


def test_ready_names_the_release(client):
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready").json()
    assert (ready["name"], ready["version"], ready["model_digest"]) == ("reviews", 3, "a" * 64)
    assert ready["labels"] == ["negative", "neutral", "positive"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"{", 400, "not JSON"),
        (b"\xff\xfe", 400, "not JSON"),
        (b"", 422, "Field required"),
        (b"[]", 422, '{"texts":'),
        (b"{}", 422, "give either 'text' or 'texts'"),
        (b'{"text":"a","texts":["b"]}', 422, "give either 'text' or 'texts'"),
        (b'{"text":1}', 422, "text: Input should be a valid string"),
        (b'{"texts":["a",null]}', 422, "texts.1: Input should be a valid string"),
        (b'{"txt":"a"}', 422, "txt: Extra inputs are not permitted"),
        (b'{"texts":[' + b'"a",' * 1000 + b'"a"]}', 422, "at most 1000"),
    ],
)
def test_a_bad_question_gets_one_clear_line(client, body, status, words):
    reply = client.post("/classify", content=body, headers=JSON)
    assert reply.status_code == status
    assert words in reply.json()["error"]
    assert "\n" not in reply.json()["error"]


def test_a_form_is_told_which_content_type_to_send(client):
    reply = client.post("/classify", data={"text": "good"})
    assert reply.status_code == 422
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


def test_the_process_that_serves_has_neither_torch_nor_mlflow(release):
    code = (
        "import sys, pathlib; from slmworks_serve.app import Served, create_app;"
        "import slmworks_serve.run, slmworks_serve.deploy;"
        "create_app(pathlib.Path(sys.argv[1]), Served('a', 1, 'b', 'c'), 1);"
        "print([m for m in ('torch', 'mlflow', 'transformers', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(release)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
