"""Records in the store: written and read as one thing, whoever writes them."""

import json

import pytest

from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import File, Manifest, tree_digest
from slmworks.execution.records import RunRecord, TaskRecord, made_by, run_record, task_record, task_records
from slmworks.execution.spec import TaskSpec
from slmworks.store import open_store

FILES = (File(path="slmworks.json", size=1, sha256="1" * 64),)
NOW = "2026-11-28T00:00:00.000+00:00"


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


def record(store, state="done", **what) -> TaskRecord:
    spec = TaskSpec(run="r1", id="a.x=1", step="a", stage="curate", plugin="text", store=store.url)
    return TaskRecord.of(spec, state, started=NOW, ended=NOW, **what)


def test_a_record_comes_back_as_it_was_written(store) -> None:
    made = Manifest(kind="Dataset", format="parquet", digest=tree_digest(FILES), files=FILES)
    written = record(store, manifest=made, inputs={"data": ("1" * 64,)}, metrics=[{"step": 1, "loss": 0.5}])
    written.write(store)
    found = task_record(store, "r1", "a.x=1")
    assert found.changed(seal="") == written
    assert found.manifest == made == made_by(store, "r1", "a.x=1")
    assert found.host
    assert json.loads(store.read("runs/r1/a.x=1.json"))["manifest"]["kind"] == "Dataset"


def test_the_seal_changes_with_the_record_and_is_not_in_it(store) -> None:
    written = record(store)
    written.write(store)
    first = task_record(store, "r1", "a.x=1")
    first.changed(state="killed").write(store)
    assert len({written.seal, first.seal, task_record(store, "r1", "a.x=1").seal}) == 3
    assert "seal" not in json.loads(store.read("runs/r1/a.x=1.json"))


def test_an_empty_manifest_is_a_result_and_no_artifact(store) -> None:
    nothing = Manifest.nothing("Model", "reviews has no champion yet")
    record(store, "absent", manifest=nothing).write(store)
    assert task_record(store, "r1", "a.x=1").manifest is None
    assert made_by(store, "r1", "a.x=1") == nothing


def test_a_task_that_made_nothing_is_said(store) -> None:
    record(store, "failed", error="it broke").write(store)
    with pytest.raises(BadRequest, match="run r1 left nothing of a"):
        made_by(store, "r1", "a.x=1")


def test_the_first_of_two_that_begin_a_run_counts(store) -> None:
    assert RunRecord.of("r1", "running", {"recipe": "toy"}, started=NOW).create(store)
    assert not RunRecord.of("r1", "running", {"recipe": "other"}, started=NOW).create(store)
    assert run_record(store, "r1").recipe == "toy"
    assert list(task_records(store, "r1")) == []


@pytest.mark.parametrize(
    ("user", "engine", "typed", "requester"),
    [
        ("ada", "local", False, ("ada", "claimed: user name of the process")),
        ("ada", "kubeflow", False, ("ada", "claimed: user name of the process")),
        ("ada", "kubeflow", True, ("ada", "claimed: typed in the form of the run")),
        ("ada", "airflow", False, ("ada", "airflow: triggered the run")),
        ("", "airflow", False, ("", "")),
        ("unknown", "local", False, ("", "")),
    ],
)
def test_a_run_says_who_started_it_as_far_as_its_engine_knows(user, engine, typed, requester) -> None:
    record = RunRecord.of("r1", "done", {"recipe": "toy"}, started=NOW, user=user, engine=engine, typed=typed)
    assert record.requester == requester


def test_a_damaged_record_names_its_place(store) -> None:
    store.write("runs/r1/run.json", b'{"run": "r1"}')
    with pytest.raises(CorruptObject, match=r"runs/r1/run\.json: state: Field required"):
        run_record(store, "r1")
