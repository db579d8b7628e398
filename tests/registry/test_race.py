"""A crowd decides at once, as separate commands; afterwards MLflow and the log say the same."""

import itertools
import subprocess
import sys

import pytest

from releases import BY
from servers import MlflowServer
from slmworks.registry.log import Registry
from slmworks.store import open_store
from slmworks.tracking.connection import connect
from slmworks.tracking.sync import sync
from stories import Story

pytestmark = pytest.mark.slow


def start(store, *words, tracking="none"):
    command = [sys.executable, "-m", "slmworks", *words, "--store", store.url, "--tracking", tracking]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture(params=["file", "server"])
def tracking(request, tmp_path):
    """MLflow as a database file, and as a server."""
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'mlflow.db'}"
        return
    (tmp_path / "server").mkdir()
    server = MlflowServer(tmp_path / "server").start()
    yield server.uri
    server.kill()


def test_eight_approvers_and_two_rollbacks_leave_one_champion_that_mlflow_shows_too(tmp_path, tracking):
    store = open_store(str(tmp_path / "store"))
    for number in range(1, 4):
        Story(store, tmp_path / f"work-{number}", f"run-{number}").tell(float(number)).end()
    registry = Registry(store)
    for version in (1, 2):
        registry.approve("reviews", version, **BY, why="before the race")
    sync(store, tracking)
    crowd = [
        start(
            store, "approve", "reviews", "3", "--uncompared", "--because", f"mine {n}", "--user", f"user{n}"
        )
        for n in range(8)
    ]
    crowd += [
        start(store, "rollback", "reviews", "--because", "back", "--user", f"undo{n}") for n in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in crowd]
    codes = [process.returncode for process in crowd]
    assert set(codes) <= {0, 2}, said
    assert all(len(text.strip().splitlines()) == 1 for text in said), said

    state = registry.state("reviews")
    assert [entry.seq for entry in state.entries] == list(range(1, len(state.entries) + 1))
    raced = [entry for entry in state.entries if entry.seq > 5]
    assert len(raced) == codes.count(0)  # who was told "done" is in the log, and nobody else
    approvals = [entry.seq for entry in raced if entry.action == "approve"]
    rollbacks = [entry.seq for entry in raced if entry.action == "rollback"]
    assert len(approvals) >= 1
    for first, second in itertools.pairwise(approvals):
        assert any(first < back < second for back in rollbacks)
    assert state.champion is not None

    crowd = [start(store, "lineage", "sync", tracking=tracking) for _ in range(3)]
    said = [process.communicate(timeout=300)[0] for process in crowd]
    assert [process.returncode for process in crowd] == [0, 0, 0], said
    client = connect(tracking).client
    shown = {alias: int(v) for alias, v in client.get_registered_model("reviews").aliases.items()}
    assert shown == state.aliases
    versions = client.search_model_versions("name = 'reviews'")
    assert {int(v.version): v.tags["approval"] for v in versions} == {
        version.number: version.status for version in state.versions
    }
