"""The deploy step: the approved release answers once, and the record says what."""

import json

import pytest

from releases import approve, edit, register, word_counter
from slmworks.contract.errors import BadRequest
from slmworks.store import open_store
from slmworks.testing import Bench
from slmworks_serve.deploy import DeployServer


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


def test_a_candidate_is_not_deployed(release, task):
    with pytest.raises(BadRequest, match="v1 is not approved yet"):
        DeployServer().run(release=release, task=task)


def test_an_edited_release_is_not_deployed(store, release, task):
    approve(store)
    edit(release.path / "runtime.py", "print('mine')")
    with pytest.raises(BadRequest, match=r"wrapper is .* the approval names"):
        DeployServer().run(release=release, task=task)
    assert list(task.output.iterdir()) == []
