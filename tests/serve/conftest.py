"""A store with two versions of a model, the first of them approved, and servers of it."""

import pytest
from wire import Server

from releases import two_versions


@pytest.fixture
def store(tmp_path):
    return two_versions(tmp_path)


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
