"""A `distill/sequence-kd` with a ledger in a store, in a process that ends itself by SIGKILL when it is told to."""

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slmworks.contract.artifact import Artifact, Dataset, Model
from slmworks.contract.ledger import Cost, Entry, Ledger
from slmworks.contract.stage import Task
from slmworks.ledger import in_store
from slmworks.ledger.in_store import About, open_ledger
from slmworks.store import open_store
from slmworks.teachers.same_model import KEY as WHO
from slmworks.testing import sealed

USER = {"run": "a-run", "task": "student", "plugin": "sequence-kd"}
CHUNK = 4
"""Answers of a chunk: so what is lost at most is a number, and no time."""


@dataclass(frozen=True)
class Kill:
    """A moment."""

    answers: int
    """After so many new ones (0: when the ledger is opened) …"""
    seconds: float
    """… and so long."""

    def arm(self) -> None:
        threading.Timer(self.seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()


@dataclass(frozen=True)
class Given:
    """What a student is made of; with one store and one folder it is the same task, tried again."""

    teacher: Model
    student: Model
    data: Dataset
    store: Path
    folder: Path
    options: Mapping[str, Any]

    @property
    def about(self) -> About:
        """The ledger of the teacher's answers."""
        from slmworks.teachers.ask import ANSWERS, VERSION

        return About(ANSWERS, self.teacher.as_teacher, {}, VERSION)


def attempt(given: Given, number: int, kill: Kill | None) -> None:
    """One try: keys of answers that have come go to `paid-NUMBER`, the student's digest to `made`."""
    from slmworks_torch.causal.sequence_kd import SequenceKD

    in_store.MANY, in_store.EVERY = CHUNK, float("inf")
    opened, log = open_store(str(given.store)), given.folder / f"paid-{number}"
    log.touch()

    @contextmanager
    def ledger_of(name: str, asked: Artifact, options: Mapping[str, Any], version: int) -> Iterator[Ledger]:
        about = About(name, asked.as_teacher, options, version)
        with open_ledger(opened, about, USER, say=print, waiting=lambda: None) as ledger:
            ledger.add = _logged(ledger, log, kill)  # type: ignore[method-assign]
            if kill and not kill.answers:
                kill.arm()
            yield ledger

    output, scratch = given.folder / f"output-{number}", given.folder / f"scratch-{number}"
    output.mkdir()
    scratch.mkdir()
    task = Task(output=output, scratch=scratch, checkpoints=given.folder / "kept", ledger_of=ledger_of)
    plugin = SequenceKD(**given.options)
    made = plugin.run(teacher=given.teacher, student=given.student, data=given.data, task=task)
    (given.folder / "made").write_text(sealed(made).digest)


def _logged(ledger: Ledger, log: Path, kill: Kill | None) -> Any:
    add, count = ledger.add, 0

    def adding(key: str, entry: Entry, cost: Cost) -> None:
        nonlocal count
        if key != WHO:
            with log.open("a") as file:
                file.write(f"{key}\n")
            count += 1
        add(key, entry, cost)
        if kill and count == kill.answers:
            kill.arm()

    return adding
