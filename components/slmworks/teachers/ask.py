"""Ask a teacher for answers to conversations. What it has answered before is taken from its ledger."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, PositiveInt

from slmworks.contract.artifact import Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings
from slmworks.contract.ledger import Cost, Entry, Ledger
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Writing, open_runtime
from slmworks.contract.stage import Task
from slmworks.machine.energy import Meter

MODEL_TASK = "text-generation"
ANSWERS, VERSION = "answers", 1
"""Name and version of the ledger."""
TELL = 2.0
"""Seconds between two lines of progress."""


class Budget(Documented):
    """The most that a teacher's ledger may cost in all, runs before included; a task stops when it is spent.

    What was paid for stays: with a larger budget the same task goes on where it stopped.
    """

    tokens: PositiveInt | None = None
    """Tokens that the teacher writes or scores."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """Time of the teacher on the clock."""
    money: Annotated[float, Field(gt=0)] | None = None
    """Price of a hosted teacher, in the currency of its prices."""

    def reached(self, spent: Cost) -> str:
        """The limit that is reached, with both numbers; empty while there is some left."""
        limits = (
            ("tokens", spent.tokens, self.tokens, "{:,.0f}"),
            ("minutes", spent.seconds / 60, self.minutes, "{:,.1f}"),
            ("money", spent.money, self.money, "{:,.4g}"),
        )
        for name, got, most, form in limits:
            if most is not None and got >= most:
                return f"{name}: {form.format(got)} of {form.format(most)}"
        return ""


@dataclass(frozen=True)
class Question:
    """A conversation, and how it is to be answered."""

    row: Row
    """`messages`, and `schema` where the answer must follow one."""
    settings: Settings

    @property
    def key(self) -> str:
        """The question's key in a teacher's ledger."""
        said = {
            "messages": [dict(one) for one in self.row["messages"]],
            "schema": self.row.get("schema") or "",
            "settings": {**vars(self.settings), "stop": list(self.settings.stop)},
        }
        text = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Written:
    """A teacher's answer."""

    text: str
    finish: str
    """`stop`, or `length`: it was cut off."""
    tokens: int
    prompt_tokens: int

    def entry(self) -> Entry:
        """As the ledger keeps it."""
        about = json.dumps([self.finish, self.prompt_tokens]).encode()
        text = self.text.encode("utf-8", "surrogatepass")
        return Entry({"text": text, "about": about}, self.tokens)

    @classmethod
    def of(cls, entry: Entry) -> "Written":
        """From the ledger."""
        finish, prompt_tokens = json.loads(entry.columns["about"])
        text = entry.columns["text"].decode("utf-8", "surrogatepass")
        return cls(text, finish, entry.tokens, prompt_tokens)


def ask(
    teacher: Model, questions: Sequence[Question], task: Task, *, budget: Budget | None = None
) -> list[Written | None]:
    """The teacher's answers, in the order of the questions; None where it cannot answer one.

    Each answer is kept as soon as it is there, so a task that is killed, or whose budget is spent, goes on
    where it stopped. BadRequest where the model's format has no runtime that writes, and for a spent budget.
    """
    keys = [question.key for question in questions]
    with task.ledger(ANSWERS, teacher=teacher, options={}, version=VERSION) as ledger:
        left = set(ledger.missing(keys))
        wanted = {key: one for key, one in zip(keys, questions, strict=True) if key in left}
        if wanted:
            _Asking(teacher, list(wanted.items()), ledger, task, budget or Budget()).run()
        found = {key: Written.of(entry) for key, entry in ledger.read(keys)}
    return [found.get(key) for key in keys]


class _Asking:
    """Some questions that a teacher has not been asked yet."""

    def __init__(
        self,
        teacher: Model,
        wanted: Sequence[tuple[str, Question]],
        ledger: Ledger,
        task: Task,
        budget: Budget,
    ) -> None:
        self.teacher, self.wanted, self.ledger, self.task, self.budget = teacher, wanted, ledger, task, budget
        self.done = 0
        self.refused: list[BadRequest] = []
        self.told = 0.0

    def run(self) -> None:
        """Ask all of them."""
        self._require_budget()
        runtime = open_runtime(self.teacher, threads=self.task.threads, model_task=MODEL_TASK)
        if not isinstance(runtime, Writing):
            raise BadRequest(
                f"teacher: it is a {self.teacher.model_task} model of format '{self.teacher.format}', which "
                f"writes no answers; give a model for {MODEL_TASK}."
            )
        self.runtime: Writing = runtime
        self.meter, self.clock, self.cpu = Meter(), time.monotonic(), time.process_time()
        runtime.write([(one.row, one.settings) for _, one in self.wanted], self._take)
        if self.refused:
            self.task.say(
                f"warning: the teacher cannot answer {len(self.refused)} of {len(self.wanted)} rows; the "
                f"first: {self.refused[0]}"
            )

    def _take(self, place: int, found: Generated | BadRequest) -> None:
        self.done += 1
        if isinstance(found, BadRequest):
            self.refused.append(found)
        else:
            written = Written(str(found.answer["text"]), found.finish, found.tokens, found.prompt_tokens)
            cost = replace(
                self._cost(),
                tokens=found.tokens,
                prompt_tokens=found.prompt_tokens,
                money=self.runtime.price(found),
            )
            self.ledger.add(self.wanted[place][0], written.entry(), cost)
        now = time.monotonic()
        if now - self.told > TELL or self.done == len(self.wanted):
            self.told = now
            self.task.progress(self.done, len(self.wanted), note="asking the teacher")
        if self.done < len(self.wanted):
            self._require_budget()

    def _cost(self) -> Cost:
        """Time and energy since the last answer."""
        clock, cpu = time.monotonic(), time.process_time()
        found = Cost(seconds=clock - self.clock, cpu_seconds=cpu - self.cpu, joules=self.meter.joules())
        self.clock, self.cpu = clock, cpu
        return found

    def _require_budget(self) -> None:
        """BadRequest once the budget is spent."""
        if spent := self.budget.reached(self.ledger.spent):
            left = len(self.wanted) - self.done
            raise BadRequest(
                f"budget: it is spent ({spent}), and {left} of {len(self.wanted)} rows have no answer yet; "
                "raise it, or take fewer rows. What was paid for is kept."
            )
