"""The deploy step: the approved release answers once, and the record says what."""

import json

import pytest
from starlette.testclient import TestClient

from releases import approve, edit, register, word_counter
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.store import open_store
from slmworks.testing import Bench
from slmworks_serve.app import Service, create_app
from slmworks_serve.deploy import DeployServer
from slmworks_serve.edge import export
from slmworks_serve.model import load


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def release(store, tmp_path):
    return register(store, word_counter(tmp_path / "model"))


@pytest.fixture
def task(store, tmp_path):
    return Bench(tmp_path).release_task("deploy", store)


def test_an_approved_release_answers_and_the_record_says_what(store, release, task):
    approve(store)
    deployment = DeployServer().run(release=release, task=task)
    record = json.loads((deployment.path / "deployment.json").read_text())
    assert record["answer"]["label"] == "positive"
    assert record["command"] == ["slmworks", "serve", "reviews", "--version", "1"]
    assert record["model_digest"] == release.meta["model_digest"]
    assert deployment.refs == {"release": release.digest}


def test_the_example_that_the_recipe_declares_is_asked_and_shown(store, task, tmp_path):
    release = register(store, word_counter(tmp_path / "model"), example={"text": "awful <b>"})
    approve(store)
    deployment = DeployServer().run(release=release, task=task)
    record = json.loads((deployment.path / "deployment.json").read_text())
    assert (record["question"], record["answer"]["label"]) == ({"text": "awful <b>"}, "negative")
    approved = approved_release(Registry(store), "reviews")
    client = TestClient(create_app(Service(load(approved), threads=1)))
    assert '<textarea id="input-text" rows="3">awful &lt;b&gt;</textarea>' in client.get("/docs").text
    asked = client.get("/openapi.json").json()["paths"]["/classify"]["post"]["requestBody"]["content"]
    assert asked["application/json"]["examples"]["one"] == {"value": {"text": "awful <b>"}}
    export(approved, None, tmp_path / "edge")
    readme = (tmp_path / "edge/README.md").read_text()
    assert "run.py 'awful <b>'" in readme
    assert "Use, limits, licences and measures: MODEL_CARD.md." in readme
    assert "pipeline_tag" in (tmp_path / "edge/MODEL_CARD.md").read_text()


def test_a_candidate_is_not_deployed(release, task):
    with pytest.raises(BadRequest, match="v1 is not approved yet"):
        DeployServer().run(release=release, task=task)


def test_an_edited_release_is_not_deployed(store, release, task):
    approve(store)
    edit(release.path / "runtime.py", "print('mine')")
    with pytest.raises(BadRequest, match=r"wrapper is .* the approval names"):
        DeployServer().run(release=release, task=task)
    assert list(task.output.iterdir()) == []
