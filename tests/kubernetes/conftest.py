"""A store with two approved versions, and a cluster that serves the first of them."""

import json

import pytest
from cluster_api import NAMESPACE, FakeCluster

from releases import approve, register, word_counter
from slmworks.store import open_store
from slmworks.testing import Bench


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("slmworks_kubernetes.rollout.EVERY", 0.005)


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def releases(store, tmp_path):
    """Version 1 is approved; version 2 is a candidate."""
    made = [register(store, word_counter(tmp_path / f"model{n}", float(n + 1))) for n in (1, 2)]
    approve(store, 1)
    return made


@pytest.fixture
def digests(releases):
    return [f"sha256:{release.meta['model_digest']}" for release in releases]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture
def task(store, bench):
    numbers = iter(range(100))
    return lambda: bench.release_task(f"deploy-{next(numbers)}", store)


@pytest.fixture
def said(bench):
    return lambda: [event["line"] for event in bench.events if event["event"] == "line"]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    with FakeCluster() as found:
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [
                {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}},
                {"name": "bare", "context": {"cluster": "c", "user": "u"}},
            ],
            "clusters": [{"name": "c", "cluster": {"server": found.url}}],
            "users": [{"name": "u", "user": {"token": "hush"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield found
        assert not found.violations


@pytest.fixture
def deployment(cluster, digests):
    """The chart's Deployment, in short, with version 1."""
    pull = {
        "name": "pull",
        "image": "registry.example/slmworks-serve:0.1.0",
        "args": ["reviews", "--digest", "$(MODEL_DIGEST)", "--to", "/release"],
        "env": [{"name": "AWS_REGION", "value": "x"}, {"name": "MODEL_DIGEST", "value": digests[0]}],
    }
    labels = {"app": "reviews"}
    found = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "reviews", "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {"slmworks.dev/model-digest": digests[0], "mine": "kept"},
                },
                "spec": {
                    "initContainers": [{"name": "first", "image": "x:1"}, pull],
                    "containers": [{"name": "server", "image": "registry.example/slmworks-serve:0.1.0"}],
                },
            },
        },
    }
    cluster.add(found)
    return found
