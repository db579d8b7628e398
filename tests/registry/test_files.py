"""The chain of a log: each entry holds the hash of the bytes of the one before."""

import hashlib
import json
import multiprocessing

import pytest

from releases import BY
from slmworks.contract.errors import CorruptObject
from slmworks.registry import files
from slmworks.registry.log import Registry
from slmworks.store import open_store


@pytest.fixture
def registry(tmp_path):
    return Registry(open_store(str(tmp_path / "store")))


def register(registry, model):
    return registry.register(
        "reviews",
        model_digest=model * 8,
        wrapper_digest="w" * 8,
        verdict="v" * 8,
        seal=lambda version: f"release-{model}-{version}",
    )


def told(registry, count=3):
    """A log of `count` registrations, all approved: 2 × `count` entries."""
    for number in range(1, count + 1):
        register(registry, "abcdefg"[number - 1])
        registry.approve("reviews", number, **BY, why="better")
    return registry


def place(registry, seq):
    return registry.store.root / "registry" / "reviews" / f"{seq:06d}.json"


def rewrite(path, **changes):
    """Change an entry, as a person with an editor would; None takes a field out."""
    said = json.loads(path.read_text()) | changes
    path.chmod(0o644)
    path.write_text(json.dumps({key: value for key, value in said.items() if value is not None}))


def test_each_entry_holds_the_hash_of_the_bytes_before_it(registry):
    told(registry)
    before = b""
    for seq in range(1, 7):
        data = place(registry, seq).read_bytes()
        assert json.loads(data)["previous"] == hashlib.sha256(before).hexdigest()
        before = data
    assert registry.state("reviews").head == hashlib.sha256(before).hexdigest()


def test_a_changed_entry_that_others_follow_stops_every_reader(registry):
    told(registry)
    rewrite(place(registry, 4), why="it was never good")
    with pytest.raises(
        CorruptObject, match=r"reviews/000005\.json: was not written after entry 000004 as that is now"
    ) as error:
        registry.state("reviews")
    assert "\n" not in str(error.value)


def test_an_entry_without_a_hash_after_one_with_is_forged(registry):
    told(registry)
    said = json.loads(place(registry, 6).read_text())
    said |= {"seq": 7, "when": "1999-01-01T00:00:00.000+00:00", "how": "airflow: signed in"}
    del said["previous"]
    place(registry, 7).write_text(json.dumps(said))
    with pytest.raises(CorruptObject, match=r"000007\.json: holds no hash of the entry before it.*forged"):
        registry.state("reviews")


def test_a_log_from_before_the_chain_is_read_and_chained_from_its_next_entry_on(registry):
    told(registry, 2)
    for seq in range(1, 5):
        rewrite(place(registry, seq), previous=None)
    assert registry.state("reviews").champion.number == 2
    assert files.read(registry.store, "reviews").chained_from == 0
    register(registry, "c")
    found = files.read(registry.store, "reviews")
    assert (found.chained_from, found.problems) == (5, ())
    rewrite(place(registry, 4), why="something else")
    with pytest.raises(CorruptObject, match="000005.json: was not written after entry 000004"):
        registry.state("reviews")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"action": "rollback"}, "000001: speaks of v1, which was never registered"),
        ({"version": 2}, "000001: registers v2 after v0"),
    ],
)
def test_what_cannot_come_first_is_one_line(registry, change, line):
    register(registry, "a")
    rewrite(place(registry, 1), **change)
    with pytest.raises(CorruptObject, match=line) as error:
        registry.state("reviews")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"action": "rollback"}, "000002: a rollback to v1 where the champion before is none"),
        ({"action": "approve", "version": 7}, "000002: speaks of v7, which was never registered"),
        (
            {"action": "approve", "model_digest": "b" * 8},
            "000002: speaks of v1 with other digests than it was registered with",
        ),
    ],
)
def test_what_cannot_follow_is_one_line(registry, change, line):
    register(registry, "a")
    place(registry, 2).write_text(place(registry, 1).read_text())
    rewrite(place(registry, 2), seq=2, previous=hashlib.sha256(place(registry, 1).read_bytes()).hexdigest())
    rewrite(place(registry, 2), **change)
    with pytest.raises(CorruptObject, match=line) as error:
        registry.state("reviews")
    assert "\n" not in str(error.value)


def crowd(url, worker, start):
    registry = Registry(open_store(url))
    start.wait()
    for number in range(10):
        register(registry, f"{worker}.{number}.")


def test_eight_processes_that_register_at_once_leave_no_gap_and_a_right_chain(tmp_path):
    url = str(tmp_path / "store")
    context = multiprocessing.get_context("fork")
    start = context.Barrier(8)
    workers = [context.Process(target=crowd, args=(url, number, start)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
    found = files.read(open_store(url), "reviews")
    assert found.problems == ()
    assert [one.entry.seq for one in found.written] == list(range(1, 81))
    assert [one.entry.version for one in found.written] == list(range(1, 81))
    hashes = [files.START, *(one.sha256 for one in found.written)]
    assert [one.entry.previous for one in found.written] == hashes[:-1]
