"""Following the log: the next champion, back again, and what is refused."""

import pytest
from starlette.testclient import TestClient

from releases import BY, approve, edit
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks_serve.app import Service, create_app
from slmworks_serve.follow import Follow
from slmworks_serve.model import load


@pytest.fixture
def service(store):
    approved = approved_release(Registry(store), "reviews")
    return Service(load(approved), 1)


def metrics(service):
    return service.metrics.text(0, 0).decode()


def test_it_follows_an_approval_and_a_rollback(store, service):
    follow = Follow(service, Registry(store))
    follow.look()
    assert service.model.served.version == 1
    first = service.model.answer([{"text": "good"}])[0]["score"]
    approve(store, 2)
    follow.look()
    assert service.model.served.version == 2
    assert service.model.answer([{"text": "good"}])[0]["score"] > first
    assert 'slmworks_switches_total{result="switched",version="2"} 1.0' in metrics(service)
    Registry(store).rollback("reviews", **BY, why="worse")
    follow.look()
    assert service.model.served.version == 1


def test_a_champion_that_is_rejected_answers_no_more_until_there_is_another(store, service, capsys):
    follow, registry = Follow(service, Registry(store)), Registry(store)
    registry.reject("reviews", 1, **BY, why="it insults people")
    follow.look()
    with TestClient(create_app(service)) as client:
        said = client.post("/classify", json={"text": "good"})
        line = (
            "reviews v1 was taken out of service by ada (it insults people), and no other version is approved"
        )
        assert (said.status_code, said.json()["error"]) == (503, line)
        assert client.get("/ready").status_code == 503
        approve(store, 2)
        follow.look()
        assert client.post("/classify", json={"text": "good"}).json()["version"] == 2
        assert client.get("/ready").json()["status"] == "ready"
    assert line in capsys.readouterr().err


def test_an_edited_version_is_not_switched_to_until_it_is_restored(store, service, capsys, monkeypatch):
    release = store.folder(Registry(store).state("reviews").version(2).registered.release)
    labels = release / "model/labels.json"
    before = labels.read_text()
    edit(labels, before.replace("negative", "bad"))
    approve(store, 2)
    follow = Follow(service, Registry(store))
    for _ in range(3):
        follow.look()
    assert service.model.served.version == 1
    said = capsys.readouterr().err
    assert said.count("v1 goes on: reviews v2's model is") == 1
    assert said.count("\n") == 1
    assert 'result="refused",version="2"} 1.0' in metrics(service)
    edit(labels, before)
    monkeypatch.setattr("slmworks_serve.follow.AGAIN", 0)
    follow._retry_at = 0
    follow.look()
    assert service.model.served.version == 2


def test_a_log_that_cannot_be_read_changes_nothing(store, service, capsys):
    follow = Follow(service, Registry(store))
    (store.root / "registry/reviews/000002.json").unlink()
    follow.look()
    assert service.model.served.version == 1
    assert "v1 goes on:" in capsys.readouterr().err
