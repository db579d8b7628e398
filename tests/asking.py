"""Questions to a teacher in a process that can be killed: `asking.py STORE MODEL FORMAT COUNT LOG`.

The keys of all that the runtime is asked go to the file LOG, one a line.
"""

import sys
import time
from pathlib import Path

from slmworks.contract.artifact import Artifact, Model
from slmworks.contract.generation import Settings
from slmworks.contract.runtime import open_runtime
from slmworks.contract.stage import Task
from slmworks.ledger import in_store
from slmworks.ledger.in_store import About, open_ledger
from slmworks.store import open_store
from slmworks.teachers import ask as asking
from slmworks.teachers.ask import ANSWERS, VERSION, Question, ask

DIGEST = "d" * 64
ABOUT = About(ANSWERS, DIGEST, {}, VERSION)
PAUSE = 0.01
"""Seconds before each answer: a fast machine would be through before anybody kills it."""
USER = {"run": "a-run", "task": "student", "plugin": "sequence-kd"}


def questions(count: int) -> list[Question]:
    settings = Settings(max_tokens=6, temperature=0.7, seed=3)
    said = [{"messages": [{"role": "user", "content": f"what is {number}?"}]} for number in range(count)]
    return [Question(row, settings) for row in said]


def main(store: str, model: str, form: str, count: str, log: str) -> None:
    in_store.EVERY = 0.05  # kept at once, so that kills find answers of each moment
    teacher = Model(path=Path(model), format=form, digest=DIGEST)
    opened = open_store(store)

    def ledger_of(name: str, asked: Artifact, options, version: int):
        about = About(name, asked.digest, options, version)
        return open_ledger(opened, about, USER, say=print, waiting=lambda: None)

    def logged(asked: Model, **more):
        found = open_runtime(asked, **more)
        write = found.write

        def told(rows, take) -> None:
            keys = [Question(row, settings).key for row, settings in rows]
            Path(log).write_text("".join(f"{key}\n" for key in keys))

            def slowly(place: int, answer) -> None:
                time.sleep(PAUSE)
                take(place, answer)

            write(rows, slowly)

        found.write = told
        return found

    asking.open_runtime = logged
    task = Task(output=Path(log).parent, scratch=Path(log).parent, ledger_of=ledger_of)
    ask(teacher, questions(int(count)), task)


if __name__ == "__main__":
    main(*sys.argv[1:])
