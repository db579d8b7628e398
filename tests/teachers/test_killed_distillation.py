"""A distillation that is killed while its teacher writes pays for no finished answer twice, and ends as if never killed."""

import json
import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty import Faulty, reply, said
from orders import dataset, row
from toys import toy

from distilling import CHUNK, WHO, Given, Kill, attempt
from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.ledger.in_store import StoreLedger
from slmworks.store import open_store

pytestmark = pytest.mark.slow
COUNT, KILLS, AT_ONCE = 480, 20, 4
PRELOADED = [
    "torch",
    "transformers.models.llama.modeling_llama",
    "slmworks_torch.causal.sequence_kd",
    "aiohttp",
]
LEARN = {"epochs": 1, "learning_rate": 1e-3, "batch_size": 16}


def question(number: int) -> str:
    return f"what is {number}?"


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    asked = [row([("user", question(number))], None) for number in range(COUNT)]
    known = [row([("user", "what is one?")], "One.")] * 2
    return dataset(tmp_path / "data", train=[], transfer=asked, validation=known)


@pytest.fixture
def server() -> Iterator[Faulty]:
    def answer(handler: Any, body: dict[str, Any]) -> None:
        time.sleep(0.02)
        handler.send(200, reply(said(body)))

    with Faulty(answer) as running:
        yield running


@pytest.fixture(params=["hf", "openai"])
def teacher(request: pytest.FixtureRequest, tmp_path: Path, server: Faulty) -> Model:
    if request.param == "hf":
        return toy(tmp_path / "teacher")
    folder = tmp_path / "fetched"
    folder.mkdir()
    file = {"address": server.address, "model": "big", "at_once": AT_ONCE}
    (folder / "big.hosted.json").write_text(json.dumps(file))
    return Model.from_files(Files(path=folder, digest="f" * 64))


def tried(given: Given, number: int = 0, kill: Kill | None = None) -> int:
    """The exit code of an attempt in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=attempt, args=(given, number, kill))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def kept(given: Given) -> set[str]:
    """Keys of the answers in the ledger, of which every chunk is whole and no cost counts twice."""
    lines: list[str] = []
    ledger = StoreLedger(open_store(str(given.store)), given.about.identity, lines.append)
    assert lines == []
    assert ledger.spent.tokens == ledger.tokens
    keys = [path.read_text().split() for path in given.folder.glob("paid-*")]
    known = {key for some in keys for key in some}
    found = known - set(ledger.missing(known))
    assert len(found) == ledger.rows - (not ledger.missing([WHO]))
    assert len(dict(ledger.read(found))) == len(found)
    return found


def asked(server: Faulty) -> list[str]:
    """Questions in the order in which they came, once those of a killed client are through."""
    found = -1
    while server.open or found != len(server.asked):
        found = len(server.asked)
        time.sleep(0.1)
    return [body["messages"][-1]["content"] for _, body, _ in server.asked]


def test_twenty_kills_pay_nothing_twice_and_lead_to_the_same_student(
    teacher: Model, server: Faulty, data: Dataset, tmp_path: Path
) -> None:
    options = {**LEARN, "keep": "all", "temperature": 0.7, "answer_tokens": 12}
    student = toy(tmp_path / "student", hidden_size=32, initializer_range=0.1)
    unbroken, killed = (
        Given(teacher, student, data, tmp_path / f"{name}-store", tmp_path / name, options)
        for name in ("unbroken", "killed")
    )
    for given in (unbroken, killed):
        given.store.mkdir()
        given.folder.mkdir()
    assert tried(unbroken) == 0
    assert len(kept(unbroken)) == COUNT
    once, chance, lost = len(asked(server)), random.Random(11), 0
    for number in range(KILLS):
        before, seen = kept(killed), len(asked(server))
        kill = Kill(
            chance.randint(0, 8), 0.15 * chance.random() ** 3
        )  # mostly within a chunk, some far behind
        assert tried(killed, number, kill) == -signal.SIGKILL
        paid, now = (killed.folder / f"paid-{number}").read_text().split(), kept(killed)
        assert not (killed.folder / "made").exists()
        assert before <= now < kept(unbroken)
        assert before.isdisjoint(paid), "a finished row is not paid twice"
        assert len(before) + len(paid) - len(now) <= CHUNK, "the running chunk is all that is lost"
        lost += len(before) + len(paid) - len(now)
        if server.asked:
            assert len(before) + len(server.asked) - seen - len(now) <= CHUNK + AT_ONCE, (
                "and what is on its way"
            )
    before = len(kept(killed))
    assert before
    assert tried(killed, KILLS) == 0
    assert kept(killed) == kept(unbroken)
    assert (killed.folder / "made").read_text() == (unbroken.folder / "made").read_text()
    again = Counter(asked(server)[once:])
    print(
        f"{KILLS} kills, {before} of {COUNT} answers kept behind the last one, {lost} paid for and lost, "
        f"{again.total()} asked of the server"
    )
    if server.asked:
        assert once == len(again) == COUNT
        assert again.total() - COUNT <= KILLS * (CHUNK + AT_ONCE)
