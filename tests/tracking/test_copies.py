"""MLflow's files of rejected versions go with the store's; what anybody points to stays, and so do the records."""

import contextlib
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from retrains import BY, retrain
from servers import MlflowServer
from slmworks.cli.main import cli
from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.registry.log import Registry
from slmworks.retention.collect import Collected, collect
from slmworks.retention.roots import PINS, Rule
from slmworks.store import Store, open_store
from slmworks.tracking.check import check, heal
from slmworks.tracking.connection import connect
from slmworks.tracking.copies import remove_copies
from slmworks.tracking.sync import sync
from slmworks.tracking.transfer import REMOVED, held

NOW = timedelta(0)


def versions(uri: str, name: str = "reviews") -> dict[int, object]:
    found = connect(uri).client.search_model_versions(f"name = '{name}'")
    return {int(one.tags["slmworks.version"]): one for one in found}


def sizes(uri: str, name: str = "reviews") -> dict[int, int]:
    """Bytes of a release that MLflow lists, by version."""
    client = connect(uri).client
    return {number: sum(held(client, one.run_id).values()) for number, one in versions(uri, name).items()}


def let_go(store: Store) -> Collected:
    for _ in range(2):
        found = collect(store, Rule(days=0, runs=1), grace=NOW, copies=0)
    return found


def words(store: Store) -> list[str]:
    return ["gc", "--store", store.url, "--keep-days=0", "--keep-runs=1", "--grace-days=0"]


def fill(store: Store, folder: Path, name: str = "reviews") -> None:
    """Four versions: 1 was approved, 2 and 3 were rejected, 4 waits."""
    for number in range(1, 5):
        retrain(store, folder, number, age=300 - number, name=name)
    registry = Registry(store)
    registry.approve(name, 1, **BY, why="better")
    for number in (2, 3):
        registry.reject(name, number, **BY, why="worse")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, blank: Path) -> Path:
    """A folder with a store of these versions, and with the MLflow that has them too."""
    folder = tmp_path_factory.mktemp("filled")
    store = open_store(str(folder / "store"))
    fill(store, folder)
    (folder / "tracking").mkdir()
    sync(store, f"sqlite:///{shutil.copy(blank, folder / 'tracking' / 'mlflow.db')}")
    return folder


@pytest.fixture
def told(store: Store, filled: Path, tmp_path: Path) -> str:
    """A copy of both: MLflow's database names its files by their whole paths."""
    for name in ("store", "tracking"):
        shutil.copytree(filled / name, tmp_path / name, dirs_exist_ok=True)
    path = tmp_path / "tracking" / "mlflow.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        for table, column in (
            ("experiments", "artifact_location"),
            ("runs", "artifact_uri"),
            ("model_versions", "source"),
            ("model_versions", "storage_location"),
        ):
            database.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (str(filled), str(tmp_path))
            )
        database.commit()
    return f"sqlite:///{path}"


def test_a_rejected_versions_files_go_and_its_records_stay(store: Store, told: str) -> None:
    before, notes = sizes(told), {number: one.description for number, one in versions(told).items()}
    assert min(before.values()) > 0
    assert remove_copies(store, told, let_go(store).gone, dry_run=True)
    assert sizes(told) == before
    gone = [("reviews", 2), ("reviews", 3)]
    removed = remove_copies(store, told, gone)
    assert [(one.name, one.version, one.size) for one in removed] == [
        ("reviews", 2, before[2]),
        ("reviews", 3, before[3]),
    ]
    assert sizes(told) == {**before, 2: 0, 3: 0}
    assert {number: one.description for number, one in versions(told).items()} == notes
    assert versions(told)[2].tags["approval"] == "rejected"
    assert remove_copies(store, told, gone) == []
    # neither a sync nor a check brings them back, or fails
    after = sizes(told)
    assert sync(store, told).versions == 0
    assert {held.entry.version: held.same for held in heal(store, told)} == {1: True, 4: True}
    assert sizes(told) == after
    with pytest.raises(
        BadRequest, match="no files of reviews v2 any more: slmworks gc --mlflow removed them"
    ):
        check(store, told, "reviews", 2)


def test_what_is_pinned_recent_or_not_yet_removed_here_stays_there(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    store.create(f"{PINS}{Registry(store).state('reviews').version(2).registered.release}", b"")
    assert [*collect(store, Rule(days=0, runs=1), grace=timedelta(days=7), copies=0).gone] == []
    assert [*collect(store, Rule(days=400, runs=1), grace=NOW, copies=0).gone] == []
    let = [*(found := let_go(store)).gone, *found.before]
    assert let == [("reviews", 3)]


def test_what_was_let_go_of_before_is_known_later(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    assert sorted(let_go(store).gone) == [("reviews", 2), ("reviews", 3)]
    later = let_go(store)
    assert (later.gone, sorted(later.before)) == ([], [("reviews", 2), ("reviews", 3)])


def test_what_an_alias_or_another_version_points_to_stays(store: Store, told: str) -> None:
    client, before = connect(told).client, sizes(told)
    two, three = versions(told)[2], versions(told)[3]
    client.set_registered_model_alias("reviews", "shadow", two.version)
    client.create_registered_model("theirs")
    client.create_model_version("theirs", three.source, run_id=three.run_id)
    stays = remove_copies(store, told, let_go(store).gone)
    assert [one.used_by for one in stays] == ["alias shadow", "theirs, MLflow's version 1"]
    assert sizes(told) == before
    client.delete_registered_model_alias("reviews", "shadow")
    assert [one.used_by for one in remove_copies(store, told, [("reviews", 2)])] == [""]
    assert sizes(told) == {**before, 2: 0}


def test_a_removal_that_was_cut_short_is_ended_by_the_next(
    store: Store, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from slmworks.tracking import copies

    gone = let_go(store).gone
    for cut in ("before", "after"):
        with monkeypatch.context() as context:
            remove = copies.remove

            def killed(tracking, run_id, cut=cut, remove=remove):
                if cut == "after":
                    remove(tracking, run_id)
                raise KeyboardInterrupt

            context.setattr(copies, "remove", killed)
            with pytest.raises(KeyboardInterrupt):
                remove_copies(store, told, gone)
    assert REMOVED not in versions(told)[2].tags
    remove_copies(store, told, gone)
    assert [sizes(told)[number] for number in (2, 3)] == [0, 0]
    assert all(REMOVED in versions(told)[number].tags for number in (2, 3))


@pytest.mark.slow
def test_on_a_server_too(store: Store, server: MlflowServer, tmp_path: Path) -> None:
    uri = server.uri
    fill(store, tmp_path, "intents")
    sync(store, uri)
    before = sizes(uri, "intents")
    gone = let_go(store).gone
    assert sum(one.size for one in remove_copies(store, uri, gone)) == before[2] + before[3]
    assert sizes(uri, "intents") == {**before, 2: 0, 3: 0}


def test_a_server_that_is_down_is_said_in_one_line_after_the_store_was_collected(
    store: Store, tmp_path: Path
) -> None:
    fill(store, tmp_path)
    down = "http://127.0.0.1:9"
    CliRunner().invoke(cli, words(store))
    done = CliRunner().invoke(cli, [*words(store), "--mlflow", "--tracking", down])
    assert "objects that nothing needs" in done.output
    assert isinstance(done.exception, SlmworksError)
    assert str(done.exception).startswith(f"MLflow at {down} did not remove copies (")
    assert str(done.exception).endswith("Its copies stay; do it again later: slmworks gc --mlflow")
    assert "\n" not in str(done.exception)


def test_the_command_says_what_goes_with_its_size(store: Store, told: str) -> None:
    with_mlflow = [*words(store), "--mlflow", "--tracking", told]

    def last(given: list[str]) -> str:
        done = CliRunner().invoke(cli, given)
        assert done.exit_code == 0, done.output
        return done.output.splitlines()[-1]

    assert last(with_mlflow) == "MLflow: no copies to let go of"  # aside here first
    planned = last([*with_mlflow, "--dry-run"])
    assert planned.startswith("MLflow: reviews v2, reviews v3, ")
    assert planned.endswith("would be removed")
    assert last(words(store)).endswith(
        "reviews v2, reviews v3. They are removed with `slmworks gc --mlflow`."
    )
    assert last(with_mlflow) == planned.replace("would be removed", "removed")
    assert last(with_mlflow) == "MLflow: no copies to let go of"
    refused = CliRunner().invoke(cli, [*words(store), "--mlflow", "--tracking", "none"])
    assert isinstance(refused.exception, BadRequest)
