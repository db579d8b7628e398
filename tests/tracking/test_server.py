"""A store here, MLflow's server elsewhere: releases travel, and can be checked where they arrived."""

import os
import subprocess
import sys

import pytest

from releases import BY, edit
from slmworks.registry.log import Registry
from slmworks.tracking.aliases import Shown, glance
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from slmworks.tracking.transfer import upload

pytestmark = pytest.mark.slow


def slmworks(store, server, *words):
    """A command against that store and that server."""
    return subprocess.run(
        [sys.executable, "-m", "slmworks", *words, "--store", store.url, "--tracking", server.uri],
        capture_output=True, text=True, check=False, timeout=300, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip


class Interrupted:
    """A client whose connection ends after some uploads."""

    def __init__(self, client, uploads):
        self.client, self.left, self.sent = client, uploads, 0

    def __getattr__(self, name):
        return getattr(self.client, name)

    def log_artifact(self, *words):
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.sent += 1
        self.client.log_artifact(*words)


def test_an_interrupted_upload_goes_on_where_it_broke_off(server, store, story):
    client = connect(server.uri).client
    run = client.create_run("0").info.run_id
    folder = store.folder(story.made["register"].digest)
    count = sum(path.is_file() for path in folder.rglob("*"))
    with pytest.raises(KeyboardInterrupt):
        upload(Interrupted(client, 4), run, folder)
    second = Interrupted(client, 100)
    upload(second, run, folder)
    assert second.sent == count - 4
    third = Interrupted(client, 0)
    upload(third, run, folder)  # all there: nothing is sent


def test_what_arrived_can_be_checked_and_put_right(server, store, story):
    before = slmworks(store, server, "models", "reviews", "--verify", "1")
    assert (before.returncode, "MLflow holds no reviews v1" in before.stderr) == (2, True)
    assert sync(store, server.uri).versions == 1
    assert sync(store, server.uri).versions == 0
    Registry(store).approve("reviews", 1, **BY, why="good")
    sync(store, server.uri)
    assert glance(server.uri, "reviews") == Shown(2, {"champion": 1}, Registry(store).state("reviews").head)
    version = connect(server.uri).client.get_model_version_by_alias("reviews", "champion")
    assert version.source.startswith("mlflow-artifacts:/")

    said = slmworks(store, server, "models", "reviews", "--verify", "champion")
    assert said.returncode == 0, said.stderr
    assert "reviews v1 in MLflow is what was registered" in said.stdout
    assert story.made["int8"].digest[:12] in said.stdout

    (held,) = server.folder.glob(f"artifacts/**/{version.run_id}/artifacts/release/model/labels.json")
    edit(held, held.read_text().replace("positive", "negatory"))
    said = slmworks(store, server, "models", "reviews", "--verify", "1")
    assert said.returncode == 1
    assert "model/labels.json differs" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 1

    (held.parent / "more.txt").write_text("a file too many")
    said = slmworks(store, server, "lineage", "sync", "--check")
    assert "reviews v1 in MLflow: differed (model/labels.json); uploaded again" in said.stdout, said.stderr
    assert slmworks(store, server, "models", "reviews", "--verify", "1").returncode == 0
