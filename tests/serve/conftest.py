"""A store with two versions of a model, the first of them approved."""

import pytest

from releases import approve, register, word_counter
from slmworks.store import open_store


@pytest.fixture
def store(tmp_path):
    store = open_store(str(tmp_path / "store"))
    for version, strength in ((1, 2.0), (2, 3.0)):
        register(store, word_counter(tmp_path / f"model{version}", strength))
    approve(store, 1)
    return store
