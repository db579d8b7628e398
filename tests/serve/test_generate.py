"""`POST /generate`: a generator behind the server, its own word about a question it cannot answer."""

from dataclasses import replace

import pytest
from starlette.testclient import TestClient
from toys import toy

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.runtime import open_runtime
from slmworks_serve.app import Service, create_app
from slmworks_serve.model import Loaded, Served

ASKED = {"messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    model = toy(tmp_path_factory.mktemp("toy") / "llama")
    return replace(model, meta={"task": "text-generation", "max_new_tokens": 6})


@pytest.fixture
def client(model: Model):
    runtime = open_runtime(model, threads=1)
    served = Served("toy", 3, model.digest, "")
    with TestClient(
        create_app(Service(Loaded(served, catalog.model_task("text-generation"), runtime), 1))
    ) as client:
        yield client


def test_one_conversation_and_several(client: TestClient, model: Model) -> None:
    said = open_runtime(model, threads=1).answer([ASKED])[0]
    assert client.post("/generate", json=ASKED).json() == {**said, "model": "toy", "version": 3}
    several = client.post("/generate", json={"rows": [ASKED, ASKED]}).json()
    assert several == {"answers": [said, said], "model": "toy", "version": 3}
    shown = client.get("/openapi.json").json()
    assert "/generate" in shown["paths"]


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ([], "there are no messages; give one with the role 'user' at least."),
        ([{"role": "assistant", "content": "a"}], "message 1 has the role 'assistant' as the first turn; user goes there."),
        ([{"role": "user", "content": "x " * 200}], "tokens, and the model reads 256 with its answer; shorten the conversation."),
        ([{"role": "user"}], "message 1 has no role or no content; give both as text."),
    ],
)  # fmt: skip
def test_what_the_model_cannot_answer_is_a_line(client: TestClient, messages: list, line: str) -> None:
    reply = client.post("/generate", json={"messages": messages})
    assert (reply.status_code, line in reply.json()["error"]) == (422, True), reply.text
    assert client.post("/generate", json=ASKED).status_code == 200
