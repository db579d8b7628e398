"""A store with two versions of a model, the first of them approved, and servers of it."""

import pytest
from wire import Server

from releases import approve, register, word_counter
from slmworks.store import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    for version, strength in ((1, 2.0), (2, 3.0)):
        register(store, word_counter(tmp_path / f"model{version}", strength))
    approve(store, 1)
    return store


@pytest.fixture
def start(store):
    started = []

    def begin(*words, **options):
        started.append(Server(store.url, *words, **options))
        return started[-1]

    yield begin
    for server in started:
        server.process.kill()
        server.process.communicate()
