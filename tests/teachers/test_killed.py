"""A teacher that is killed while it writes goes on: what was kept is never asked for again."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toys import exported, toy

import asking
from slmworks.contract.artifact import Model
from slmworks.ledger.in_store import StoreLedger
from slmworks.store import open_store
from slmworks.testing import Bench

COUNT = 200


def kept(store: Path) -> set[str]:
    """Keys of the questions whose answers the store holds."""
    ledger = StoreLedger(open_store(str(store)), asking.ABOUT.identity)
    assert ledger.spent.tokens == ledger.tokens
    keys = [question.key for question in asking.questions(COUNT)]
    return set(keys) - set(ledger.missing(keys))


def attempt(model: Model, folder: Path, number: int) -> tuple[subprocess.Popen, Path]:
    log = folder / f"asked-{number}"
    given = [folder / "store", model.path, model.format, COUNT, log]
    return subprocess.Popen([sys.executable, asking.__file__, *map(str, given)]), log


def killed_and_whole(model: Model, folder: Path, kills: int) -> None:
    chance = random.Random(7)
    (folder / "store").mkdir()
    asked: list[str] = []
    for number in range(kills):
        before = kept(folder / "store")
        process, log = attempt(model, folder, number)
        while len(kept(folder / "store")) == len(before):
            ended = process.poll()
            assert ended is None or (ended == 0 and len(kept(folder / "store")) == COUNT)
            time.sleep(0.01)
        if len(kept(folder / "store")) == COUNT and number:  # it was faster than this process: fewer kills
            process.wait()
            return
        time.sleep(chance.uniform(0.0, 0.6 / kills))
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked = log.read_text().split()
        assert before.isdisjoint(asked)
        assert len(before) + len(asked) == COUNT
        assert before < kept(folder / "store")
    assert len(kept(folder / "store")) < COUNT
    process, log = attempt(model, folder, kills)
    assert process.wait() == 0
    assert len(kept(folder / "store")) == COUNT
    assert len(log.read_text().split()) < len(asked)


def test_a_killed_teacher_goes_on_and_no_answer_is_paid_twice(bench: Bench, tmp_path: Path) -> None:
    killed_and_whole(exported(toy(tmp_path / "toy"), bench), tmp_path, 5)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["hf", "gguf"])
def test_twenty_kills(form: str, bench: Bench, tmp_path: Path) -> None:
    model = toy(tmp_path / "toy")
    killed_and_whole(model if form == "hf" else exported(model, bench), tmp_path, 20)
