"""An alias moved by hand is refused and repaired; one that is merely late is neither."""

import socket
import threading

import pytest

from releases import BY
from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.tracking.aliases import Shown, glance, refuse_moved_champion
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from stories import Story


@pytest.fixture
def registry(store, story, tmp_path, uri):
    """Two approved versions, shown by MLflow."""
    Story(store, tmp_path / "more", "run-2").tell(3.0).end()
    registry = Registry(store)
    registry.approve("reviews", 1, **BY, why="first")
    registry.approve("reviews", 2, **BY, why="better")
    sync(store, uri)
    return registry


def test_what_mlflow_shows_is_read_without_mlflow(registry, uri):
    head = registry.state("reviews").head
    assert glance(uri, "reviews") == Shown(4, {"champion": 2, "previous": 1}, head)
    assert glance(uri, "unknown") == Shown(0, {})
    assert glance("sqlite:////nowhere/at/all.db", "reviews") is None
    refuse_moved_champion(registry, uri, "reviews")


@pytest.mark.parametrize(
    ("target", "words"), [("1", "names v1"), (None, "points nowhere"), ("3", "names a foreign one")]
)
def test_a_champion_moved_by_hand_is_refused_until_sync_puts_it_back(registry, uri, target, words):
    client = connect(uri).client
    if target is None:
        client.delete_registered_model_alias("reviews", "champion")
    else:
        if target == "3":
            client.create_model_version("reviews", source="models:/reviews/1")
        client.set_registered_model_alias("reviews", "champion", target)
    sync(registry.store, uri, "run-1", overrule=False)  # what the background does leaves it to a person
    with pytest.raises(
        BadRequest,
        match=rf"moved by hand and {words}; the approval log says v2 \(approved by ada .*: better\).*"
        "slmworks lineage sync",
    ) as error:
        refuse_moved_champion(registry, uri, "reviews")
    assert "\n" not in str(error.value)
    assert sync(registry.store, uri).aliases == 1
    refuse_moved_champion(registry, uri, "reviews")


def test_a_picture_that_is_behind_the_log_stops_nothing(registry, uri):
    registry.rollback("reviews", **BY, why="no")
    refuse_moved_champion(registry, uri, "reviews")
    registry.approve("reviews", 2, **BY, why="yes")
    registry.rollback("reviews", **BY, why="no after all")
    refuse_moved_champion(registry, uri, "reviews")
    connect(uri).client.delete_registered_model_alias("reviews", "champion")
    with pytest.raises(BadRequest, match="points nowhere; the approval log says v1"):
        refuse_moved_champion(registry, uri, "reviews")


def test_an_mlflow_that_is_down_stops_nothing(registry):
    refuse_moved_champion(registry, "http://127.0.0.1:9", "reviews")


def test_a_champion_that_mlflow_does_not_have_yet_is_not_taken_for_a_moved_one(registry, uri, tmp_path):
    """Another machine of the same store made it, or MLflow was down."""
    Story(registry.store, tmp_path / "elsewhere", "run-3").tell(4.0).end()
    registry.approve("reviews", 3, **BY, why="best")
    sync(registry.store, uri, "run-1", overrule=False)  # the background of a run that made nothing new
    assert glance(uri, "reviews").aliases["champion"] == 2
    refuse_moved_champion(registry, uri, "reviews")
    sync(registry.store, uri)
    assert glance(uri, "reviews").aliases == {"champion": 3, "previous": 2}


def test_something_that_is_no_mlflow_stops_nothing(registry):
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"220 ready\r\n"), daemon=True).start()
        refuse_moved_champion(registry, f"http://127.0.0.1:{server.getsockname()[1]}", "reviews")
