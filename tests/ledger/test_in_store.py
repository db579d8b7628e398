"""Ledgers in a folder store: what is kept, found again, joined, and survives kills and damage."""

import hashlib
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from slmworks.contract.ledger import Cost, Entry
from slmworks.ledger import in_store
from slmworks.ledger.in_store import About, StoreLedger, open_ledger
from slmworks.store import Store, open_store

ABOUT = About("answers", "d" * 64, {"k": 16}, 1)
USER = {"run": "a-run", "task": "student", "plugin": "sequence-kd"}


def key(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def entry(number: int) -> Entry:
    return Entry({"text": f"answer {number}".encode(), "about": b"[1]"}, number)


def opened(store: Store, lines: list[str] | None = None):
    say = (lambda _line: None) if lines is None else lines.append
    return open_ledger(store, ABOUT, USER, say=say, waiting=lambda: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def chunks(store: Store) -> list[str]:
    return store.children(f"ledgers/{ABOUT.identity}/chunks/")


def test_entries_are_found_by_the_next_task(store: Store) -> None:
    with opened(store) as ledger:
        for number in range(5):
            ledger.add(key(number), entry(number), Cost(tokens=number, seconds=0.5))
    with opened(store) as ledger:
        assert ledger.missing([key(7), key(3), key(7), key(6)]) == [key(7), key(6)]
        assert dict(ledger.read([key(4), key(9), key(0)])) == {key(0): entry(0), key(4): entry(4)}
        assert ledger.spent == Cost(tokens=10, seconds=2.5)
        assert (ledger.rows, ledger.tokens) == (5, 10)


def test_what_was_just_added_is_read(store: Store) -> None:
    with opened(store) as ledger:
        ledger.add(key(1), entry(1), Cost())
        assert dict(ledger.read([key(1)])) == {key(1): entry(1)}


def test_the_first_entry_of_a_key_stays_and_the_cost_of_both_counts(store: Store) -> None:
    with opened(store) as ledger:
        ledger.add(key(1), entry(1), Cost(money=1.0))
        ledger.add(key(1), entry(2), Cost(money=0.5))
    with opened(store) as ledger:
        ledger.add(key(1), entry(3), Cost(money=0.25))
        assert dict(ledger.read([key(1)])) == {key(1): entry(1)}
        assert ledger.spent.money == 1.75


def test_an_error_in_the_block_loses_nothing(store: Store) -> None:
    def broken() -> None:
        with opened(store) as ledger:
            ledger.add(key(1), entry(1), Cost())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    with opened(store) as ledger:
        assert ledger.missing([key(1)]) == []


def test_small_chunks_are_joined_and_nothing_counts_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_store, "EVERY", 0.0)  # each entry a chunk
    with opened(store) as ledger:
        for number in range(20):
            ledger.add(key(number), entry(number), Cost(tokens=1))
        assert len(chunks(store)) == 20
    assert len(chunks(store)) == 1
    with opened(store) as ledger:
        assert dict(ledger.read(map(key, range(20)))) == {key(number): entry(number) for number in range(20)}
        assert ledger.spent.tokens == 20


def test_a_kill_between_joining_and_removing_counts_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_store, "EVERY", 0.0)
    monkeypatch.setattr(StoreLedger, "_drop", lambda *_args: None)
    with opened(store) as ledger:
        for number in range(3):
            ledger.add(key(number), entry(number), Cost(tokens=1))
    assert len(chunks(store)) == 4
    monkeypatch.undo()
    with opened(store) as ledger:
        assert ledger.spent.tokens == 3
        assert (ledger.rows, ledger.tokens) == (3, 0 + 1 + 2)
        assert len(dict(ledger.read(map(key, range(3))))) == 3


def test_what_a_task_took_and_added_is_told(store: Store) -> None:
    import json

    with opened(store) as ledger:
        ledger.add(key(1), entry(1), Cost(tokens=1))
        ledger.add(key(2), entry(2), Cost(tokens=2))
        list(ledger.read([key(2)]))
        list(ledger.read([key(2)]))
    (name,) = store.children(f"ledgers/{ABOUT.identity}/uses/")
    said = json.loads(store.read(f"ledgers/{ABOUT.identity}/uses/{name}"))
    assert name == "a-run.student.json"
    assert (said["rows"], said["tokens"], said["rows_added"], said["cost"]) == (1, 2, 2, {"tokens": 3})
    about = json.loads(store.read(f"ledgers/{ABOUT.identity}/about.json"))
    assert (about["name"], about["teacher"], about["options"]) == ("answers", "d" * 64, {"k": 16})


def test_what_an_earlier_try_of_the_task_paid_is_listed_with_it(store: Store) -> None:
    import json

    with opened(store) as ledger:
        ledger.add(key(1), entry(1), Cost(tokens=1))
    with opened(store) as ledger:
        ledger.add(key(2), entry(2), Cost(tokens=2))
        list(ledger.read([key(1), key(2)]))
        use = ledger.use
    say = {"say": lambda _line: None, "waiting": lambda: None}
    with open_ledger(store, ABOUT, USER, use=use, **say) as ledger:  # asked again by the same task
        list(ledger.read([key(2)]))
    said = json.loads(store.read(f"ledgers/{ABOUT.identity}/uses/a-run.student.json"))
    assert (said["rows"], said["tokens"], said["rows_added"], said["cost"]) == (2, 3, 2, {"tokens": 3})


@pytest.mark.parametrize("harm", [lambda data: data[:-3], lambda data: data[:-1] + b"\0", lambda _data: b""])
def test_a_damaged_chunk_is_named_and_asked_for_again(store: Store, tmp_path: Path, harm) -> None:
    with opened(store) as ledger:
        ledger.add(key(1), entry(1), Cost())
    (name,) = chunks(store)
    place = f"ledgers/{ABOUT.identity}/chunks/{name}"
    store.write(place, harm(store.read(place)))
    lines: list[str] = []
    with opened(store, lines) as ledger:
        assert ledger.missing([key(1)]) == [key(1)]
        ledger.add(key(1), entry(1), Cost())
    assert lines == [f"warning: {place}: is not what was written. Its rows are asked for again."]
    with opened(store) as ledger:
        assert ledger.missing([key(1)]) == []


def test_two_machines_write_side_by_side(store: Store) -> None:
    one, two = StoreLedger(store, ABOUT.identity), StoreLedger(store, ABOUT.identity)
    one.add(key(1), entry(1), Cost(tokens=1))
    two.add(key(2), entry(2), Cost(tokens=1))
    one.close()
    two.close()
    with opened(store) as ledger:
        assert ledger.missing([key(1), key(2)]) == []
        assert ledger.spent.tokens == 2


def _write(folder: Path, first: int) -> None:
    in_store.EVERY = 0.005
    with open_ledger(open_store(str(folder)), ABOUT, USER, say=print, waiting=lambda: None) as ledger:
        for number in range(first, 100_000):
            if ledger.missing([key(number)]):
                ledger.add(key(number), entry(number), Cost(tokens=1))
                (folder / "last").write_text(str(number))


def test_kills_at_random_moments_lose_no_older_entry_and_pay_none_twice(tmp_path: Path) -> None:
    chance, folder = random.Random(5), tmp_path / "store"
    folder.mkdir()
    written = 0
    for _ in range(12):
        process = multiprocessing.get_context("spawn").Process(target=_write, args=(folder, written))
        process.start()
        before = (folder / "last").read_text() if written else ""
        while not (folder / "last").exists() or (folder / "last").read_text() in ("", before):
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.2))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        last = int((folder / "last").read_text() or 0)
        found = StoreLedger(open_store(str(folder)), ABOUT.identity)
        lost = found.missing(map(key, range(last + 1)))
        assert lost == [key(number) for number in range(last + 1 - len(lost), last + 1)]  # only the latest
        assert set(lost).isdisjoint(map(key, range(written)))  # what an attempt before wrote
        assert found.spent.tokens == found.rows
        written = last + 1 - len(lost)
