"""A hosted teacher: paid once, within a budget, one model in a ledger, and its key nowhere."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from faulty import KEY, Faulty, in_turn, reply, said

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.generation import Settings
from slmworks.contract.stage import Task
from slmworks.ledger.in_store import About, open_ledger
from slmworks.store import open_store
from slmworks.teachers.ask import Budget, Question, ask

PRICES = {"prompt": 1000.0, "answer": 8000.0, "currency": "USD"}
"""An answer costs 0.05: ten tokens read and five written."""


def questions(count):
    return [Question({"messages": [{"role": "user", "content": str(n)}]}, Settings()) for n in range(count)]


def spent(bench):
    return sum(ledger.spent.money for ledger in bench.ledgers.values())


def lines(bench):
    return [event["line"] for event in bench.events if event["event"] == "line"]


def test_answers_are_paid_once_whatever_becomes_of_prices_and_limits(bench, model):
    with Faulty() as server:
        found = ask(model(server.address, prices=PRICES), questions(4), bench.task("one"))
        assert [one.text for one in found] == ["to 0", "to 1", "to 2", "to 3"]
        assert spent(bench) == pytest.approx(0.2)
        dearer = {**PRICES, "answer": 9000.0}
        again = ask(model(server.address, prices=dearer, timeout_s=9), questions(6), bench.task("two"))
        assert again[:4] == found
        assert len(server.asked) == 6
        assert ask(model(server.address, key="env:NOT_THERE"), questions(6), bench.task("three")) == again, (
            "who has all answers needs no key"
        )
        ask(model(server.address, revision="new"), questions(1), bench.task("four"))
        assert len(server.asked) == 7


def test_a_missing_key_is_said_before_anything_is_asked(bench, model):
    with Faulty() as server:
        with pytest.raises(BadRequest, match="there is no key at env:NOT_THERE"):
            ask(model(server.address, key="env:NOT_THERE"), questions(1), bench.task("one"))
        assert server.asked == []


def test_money_is_a_budget_that_stops_and_goes_on(bench, model):
    with Faulty() as server:
        teacher = model(server.address, prices=PRICES, at_once=2)
        with pytest.raises(BadRequest) as caught:
            ask(teacher, questions(12), bench.task("one"), budget=Budget(money=0.19))
        assert str(caught.value) == (
            "budget: it is spent (money: 0.2 of 0.19), and 8 of 12 rows have no answer yet; raise it, or take "
            "fewer rows. What was paid for is kept."
        )
        paid = len(server.asked)
        assert 4 <= paid <= 5, "at most one more was on its way"
        assert spent(bench) == pytest.approx(0.05 * paid)
        with pytest.raises(BadRequest, match="budget: it is spent"):
            ask(teacher, questions(12), bench.task("two"), budget=Budget(money=0.19))
        assert len(server.asked) == paid
        found = ask(teacher, questions(12), bench.task("three"), budget=Budget(money=5))
        assert [one.text for one in found] == [f"to {number}" for number in range(12)]
        assert len(server.asked) == 12
        assert spent(bench) == pytest.approx(0.6)


def test_a_server_that_goes_down_loses_nothing_that_was_paid(bench, model):
    fine = [lambda handler, body: handler.send(200, reply(said(body)))] * 5
    with Faulty(in_turn(*fine, then=lambda handler, body: handler.error(503))) as server:
        teacher = model(server.address, prices=PRICES, at_once=2, patience_s=0.2)
        with pytest.raises(TaskFailed, match=r"does not answer \(503 no\); what was paid for is kept"):
            ask(teacher, questions(9), bench.task("one"))
        assert spent(bench) == pytest.approx(0.25)
        server.answer = in_turn()
        before = len(server.asked)
        assert None not in ask(teacher, questions(9), bench.task("two"))
        assert len(server.asked) - before == 4


def test_another_model_under_the_name_stops(bench, model):
    same = [lambda handler, body: handler.send(200, reply(said(body), model="big-2025"))] * 3

    def other(handler, body):
        handler.send(200, reply(said(body), model="big-2026"))

    with Faulty(in_turn(*same, then=other)) as server:
        teacher = model(server.address, prices=PRICES, at_once=1)
        with pytest.raises(BadRequest) as caught:
            ask(teacher, questions(9), bench.task("one"))
        assert str(caught.value) == (
            "teacher: it answers as big-2026 now, and its ledger holds answers of big-2025; name the new one "
            "as `model` in its file, or give it another `revision`: it begins a ledger of its own."
        )
        assert spent(bench) == pytest.approx(0.2), "the answer that isn't kept was paid, too"
        assert [one.text for one in ask(teacher, questions(3), bench.task("two"))] == ["to 0", "to 1", "to 2"]
        assert len(server.asked) == 4
        found = ask(model(server.address, revision="2026"), questions(4), bench.task("three"))
        assert [one.text for one in found] == [f"to {number}" for number in range(4)]


def test_another_fingerprint_is_a_warning(bench, model):
    def answer(mark):
        return lambda handler, body: handler.send(200, reply(said(body), system_fingerprint=mark))

    turns = [answer(mark) for mark in ("fp_1", "fp_1", "fp_2", "fp_3")]
    with Faulty(in_turn(*turns)) as server:
        assert None not in ask(model(server.address, at_once=1), questions(4), bench.task("one"))
    (line,) = lines(bench)
    assert line.startswith("warning: the teacher big says it runs otherwise than at its first answer")


def _asking(store: Path, teacher, count: int) -> None:
    opened = open_store(str(store))

    def ledger_of(name, artifact, options, version):
        user = {"run": "a-run", "task": "ask", "plugin": "none"}
        about = About(name, artifact.as_teacher, options, version)
        return open_ledger(opened, about, user, say=lambda _: None, waiting=lambda: None)

    folder = store.parent / f"work-{os.getpid()}"
    folder.mkdir()
    ask(teacher, questions(count), Task(output=folder, scratch=folder, ledger_of=ledger_of))


def test_a_kill_loses_no_more_than_the_answers_of_two_seconds(tmp_path, model, monkeypatch):
    monkeypatch.setattr("slmworks.ledger.in_store.EVERY", 0.2)

    def answer(handler, body):
        time.sleep(0.02)
        handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        teacher = model(server.address, at_once=4)
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_asking, args=(tmp_path / "store", teacher, 200))
        child.start()
        deadline = time.monotonic() + 30
        while len(server.asked) < 80:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        paid = len(server.asked)
        _asking(tmp_path / "store", teacher, 200)
        twice = len(server.asked) - 200
        assert 0 <= twice < paid / 2, "what was in the running chunk, and on its way"


def test_the_key_is_in_no_file_and_in_no_line(tmp_path, model, key, capfd):
    def answer(handler, body):
        if said(body) == "to 3":
            handler.error(400, f"your key {KEY} is fine, the row isn't")
        else:
            handler.send(200, reply(said(body)))

    with Faulty(answer) as server:
        teacher = model(server.address, key="env:BIG_KEY")
        _asking(tmp_path / "store", teacher, 5)
        assert server.asked[0][2] == f"Bearer {KEY}"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert KEY not in "".join(capfd.readouterr())
