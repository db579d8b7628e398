"""MLflow as a file and as a server, for tests of what it shows."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import MlflowServer
from slmworks.store import Store, open_store
from slmworks.tracking.connection import connect
from stories import Story


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def story(store: Store, tmp_path: Path) -> Story:
    return Story(store, tmp_path / "work").tell().end()


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new database of MLflow's: its schema takes seconds to make."""
    database = tmp_path_factory.mktemp("blank") / "mlflow.db"
    connect(f"sqlite:///{database}")
    return database


@pytest.fixture
def uri(tmp_path: Path, blank: Path) -> str:
    (tmp_path / "tracking").mkdir()
    return f"sqlite:///{shutil.copy(blank, tmp_path / 'tracking' / 'mlflow.db')}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One MLflow server for a module's tests; what they register must have names of their own."""
    server = MlflowServer(tmp_path_factory.mktemp("server")).start()
    yield server
    server.kill()
