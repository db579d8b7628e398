"""What is kept, what is let go, and what comes back; in a folder and in a bucket."""

import math
import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from retrains import BY, occupied, retrain, year
from s3 import Server, s3, s3_server  # noqa: F401 - fixtures
from slmworks.contract.manifest import Manifest
from slmworks.execution.cache import find
from slmworks.execution.origins import Origins
from slmworks.execution.records import RunRecord, run_ids, run_record, task_record
from slmworks.lineage import lineage_of, render
from slmworks.registry.log import Registry
from slmworks.registry.release import approved_release
from slmworks.retention.collect import Collected, collect
from slmworks.retention.roots import PINS, Rule
from slmworks.store import Store, open_store
from slmworks.store.objects import ObjectStore
from slmworks.store.revival import mark_of, removing
from slmworks_serve.client import ask_release

STRICT = Rule(days=0, runs=1)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("s3"))


def gc(store: Store, rule: Rule = STRICT, *, grace: float = 0.0, dry_run: bool = False) -> Collected:
    return collect(store, rule, grace=timedelta(days=grace), copies=10**9, dry_run=dry_run)


def let_go(store: Store, rule: Rule = STRICT) -> Collected:
    """Lay aside, and then remove without waiting."""
    gc(store, rule)
    return gc(store, rule)


def result(store: Store, run: str, task: str) -> Manifest:
    record = task_record(store, run, task)
    assert record is not None
    assert record.manifest is not None
    return record.manifest


def is_there(store: Store, made: Manifest) -> bool:
    return not store.damage(made.digest, made.files)


def everything(store: Store) -> dict[str, int]:
    return store.sizes("")


def served(registry: Registry, version: int | None = None) -> int:
    """The version that answers over HTTP, with the scores of its own weights."""
    asked = ask_release(approved_release(registry, "reviews", version), "good")
    (number,) = {asked.ready["version"], asked.answer["version"]}
    strong = math.exp(2.0 + number / 1000)  # a retrain's only weight; the other two labels have 0
    assert asked.answer["scores"]["positive"] == pytest.approx(strong / (strong + 2), abs=1e-6)
    return int(number)


def test_champion_and_previous_serve_and_every_lineage_is_whole(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 11)  # 1, 5 and 10 were champions, 7 was rejected, 11 waits
    before = {number: render(lineage_of(store, f"reviews@{number}")) for number in range(1, 12)}
    freed = let_go(store).freed
    assert freed > 1_000_000
    registry = Registry(store)
    assert [served(registry), served(registry, 1)] == [10, 1]
    registry.rollback("reviews", **BY, why="slow")
    assert served(registry) == 5
    after = {number: render(lineage_of(store, f"reviews@{number}")).partition("\n")[2] for number in before}
    assert after == {number: text.partition("\n")[2] for number, text in before.items()}
    for run in ("reviews-0010", "reviews-0005", "reviews-0011"):  # the whole way back
        assert all(is_there(store, result(store, run, task)) for task in ("raw", "teacher", "student"))
    assert not is_there(store, result(store, "reviews-0002", "teacher"))
    assert is_there(store, result(store, "reviews-0002", "register"))
    assert not is_there(store, result(store, "reviews-0007", "register"))


def test_a_dry_run_says_the_same_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 6)
    before = everything(store)
    said = gc(store, dry_run=True)
    assert everything(store) == before
    done = gc(store)
    assert said.aside == done.aside
    assert everything(store) != before
    said, before = gc(store, dry_run=True), everything(store)
    assert everything(store) == before
    done = gc(store)
    assert said.removed == done.removed
    assert said.freed == done.freed > 0
    assert gc(store).freed == 0


def test_nothing_goes_before_the_grace_period_is_over(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 3)
    for _ in range(2):
        assert gc(store, grace=7).freed == 0
    assert is_there(store, result(store, "reviews-0002", "teacher"))


def test_what_recent_runs_read_stays(store: Store, tmp_path: Path) -> None:
    for number, age in enumerate((300, 200, 50, 20), start=1):
        retrain(store, tmp_path, number, age=age)
    let_go(store, Rule(days=90, runs=0))
    kept = [is_there(store, result(store, f"reviews-000{n}", "teacher")) for n in (1, 2, 3, 4)]
    assert kept == [False, False, True, True]
    let_go(store, Rule(days=0, runs=2))
    assert [is_there(store, result(store, f"reviews-000{n}", "teacher")) for n in (3, 4)] == [True, True]


def test_runs_that_go_on_and_pins_are_roots(store: Store, tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        retrain(store, tmp_path, number, age=300 - number)
    going = run_record(store, "reviews-0001")
    assert going is not None
    going.changed(ended=None, state="running").write(store)
    store.create(f"{PINS}reviews-0002", b"")
    store.create(f"{PINS}{result(store, 'reviews-0003', 'student').digest}", b"")
    let_go(store, Rule(days=0, runs=0))
    for run in ("reviews-0001", "reviews-0002", "reviews-0003"):
        assert is_there(store, result(store, run, "teacher")), run
    store.remove(f"{PINS}reviews-0002")
    let_go(store, Rule(days=0, runs=0))
    assert not is_there(store, result(store, "reviews-0002", "teacher"))


def test_a_result_that_a_task_asks_for_comes_back(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 3)
    teacher = result(store, "reviews-0002", "teacher")
    gc(store)
    assert store.read(f"tasks/{teacher.fingerprint}.json") is None
    assert find(store, teacher.fingerprint) == teacher  # what a task does first
    gc(store)  # no run has said yet that it was used: the grace period begins anew
    assert is_there(store, teacher)
    gc(store)
    assert find(store, teacher.fingerprint) is None


def test_what_a_run_needs_again_has_its_name_and_no_mark(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 3)
    teacher = result(store, "reviews-0002", "teacher")
    gc(store, grace=7)
    gc(store, Rule(days=400), grace=7)
    assert store.read(f"tasks/{teacher.fingerprint}.json") is not None
    assert store.children("aside/objects") == store.children("aside/tasks") == []


def test_bytes_that_are_made_again_while_they_are_aside_stay(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 3)
    teacher = result(store, "reviews-0002", "teacher")
    gc(store)
    again = tmp_path / "again"
    shutil.copytree(store.folder(teacher.digest), again)
    store.put(again, teacher.files)
    gc(store)
    assert is_there(store, teacher)


def test_who_needs_an_object_and_who_removes_it_see_each_other(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is taken away between the collector's decision and its deed."""
    year(store, tmp_path, 3)
    teacher = result(store, "reviews-0002", "teacher")
    gc(store)
    create = type(store).create

    def meanwhile(self: Store, key: str, data: bytes) -> bool:
        done = create(self, key, data)  # type: ignore[arg-type]
        if key == removing(teacher.digest):
            self.remove(mark_of(teacher.digest))
        return done

    monkeypatch.setattr(type(store), "create", meanwhile)
    assert gc(store).back == 1
    assert is_there(store, teacher)
    assert store.children("removing") == []


def test_old_runs_without_a_release_go_with_their_records(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 2)
    failed = {
        "recipe": "reviews",
        "started": "2020-01-01T00:00:00+00:00",
        "ended": "2020-01-01T01:00:00+00:00",
    }
    RunRecord.of("bad", "failed", {}, **failed).write(store)
    gc(store, grace=7)
    assert run_record(store, "bad") is not None
    let_go(store)
    assert run_ids(store) == ["reviews-0001", "reviews-0002"]
    assert not [key for key in store.list("by-start") if "bad" in key]


def test_a_store_without_keys_by_digest_keeps_every_lineage(store: Store, tmp_path: Path) -> None:
    year(store, tmp_path, 4)
    before = render(lineage_of(store, "reviews@2"))
    for folder in ("by-digest/", "by-start/", "released/", "took/", "unfinished/"):
        store.remove(*store.list(folder))
    let_go(store)
    assert render(lineage_of(store, "reviews@2")) == before
    assert Origins(store).of([result(store, "reviews-0002", "teacher").digest])


def test_this_machine_is_tidied(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    retrain(store, tmp_path, 1)
    held, free = store.cache / "leases" / "held.lock", store.cache / "leases" / "free.lock"
    from slmworks.machine.locks import lease

    with lease(store.cache, "held"):
        free.touch()
        for path in (held, free):
            os.utime(path, (time.time() - 10**6,) * 2)
        (store.cache / "damaged" / "abc").mkdir(parents=True)
        (store.cache / "damaged" / "abc" / "file").write_bytes(b"12345")
        removed = gc(store).removed
        assert held.exists()
    assert not free.exists()
    assert not (store.cache / "damaged" / "abc").exists()
    assert sum(one.size for one in removed.values()) == 5


def test_copies_that_were_used_longest_ago_make_room(s3: str, tmp_path: Path) -> None:
    store = open_store(s3)
    assert isinstance(store, ObjectStore)
    retrain(store, tmp_path, 1, age=5)
    copies = sorted(store.root.glob("copies/*.json"))
    sizes = {path.stem: occupied(store.root / "objects" / path.stem) for path in copies}
    for place, path in enumerate(copies):
        os.utime(path, (10**9 + place,) * 2)
    newest = [path.stem for path in copies[-3:]]
    room = sum(sizes[digest] for digest in newest)
    collect(store, Rule(), grace=timedelta(days=7), copies=room)
    assert sorted(path.stem for path in store.root.glob("copies/*.json")) == newest
    for digest in sizes:  # they are fetched again
        assert store.folder(digest).is_dir()
    collect(store, Rule(), grace=timedelta(days=7), copies=0)  # and were used just now
    assert len(list(store.root.glob("copies/*.json"))) == len(sizes)


@pytest.mark.parametrize("step", ["drop", "remove"])
def test_a_removal_that_was_cut_short_is_ended_by_the_next(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Before the bytes are gone, or after it, when the mark is gone too."""
    remove = type(store).remove

    def killed(self: Store, *keys: str) -> None:
        if step == "drop" or any(key.startswith("removing/") for key in keys):
            raise KeyboardInterrupt
        remove(self, *keys)  # type: ignore[arg-type]

    year(store, tmp_path, 3)
    gc(store)
    with monkeypatch.context() as context:
        context.setattr(type(store), step, killed)
        with pytest.raises(KeyboardInterrupt):
            gc(store)
    assert store.children("removing")
    gc(store)
    assert store.children("removing") == store.children("aside/objects") == []
    assert not is_there(store, result(store, "reviews-0002", "teacher"))
