"""Conversations and a generator that the tests of this folder look at."""

import pytest
from orders import orders
from pruning import generator

from slmworks.contract.artifact import Dataset, Model


@pytest.fixture(scope="session")
def conversations(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return orders(tmp_path_factory.mktemp("orders"), train=24, validation=6)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return generator(tmp_path_factory.mktemp("llama") / "model", "llama")
