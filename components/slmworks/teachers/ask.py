"""Ask a teacher for answers to conversations. What it has answered before is taken from its ledger."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings
from slmworks.contract.ledger import Cost, Entry, Ledger
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Writing, open_runtime
from slmworks.contract.stage import Task
from slmworks.teachers.budget import Account, Budget
from slmworks.teachers.same_model import SameModel
from slmworks.teachers.writers import MODEL_TASK, require_writer

__all__ = ["Budget", "Question", "Written", "ask"]

ANSWERS, VERSION = "answers", 1
"""Name and version of the ledger."""


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
    seconds: float = 0.0
    """Time on the clock when it was asked for; of answers side by side its share."""
    money: float = 0.0
    """What a hosted teacher charged for it."""
    latency: float = 0.0
    """Seconds from the request to its whole reply, of a hosted teacher; 0 where that wasn't kept."""
    new: bool = field(default=False, compare=False)
    """It was paid for just now, and not in an earlier task or attempt."""

    def entry(self) -> Entry:
        """As the ledger keeps it."""
        said = [self.finish, self.prompt_tokens, round(self.seconds, 4), round(self.money, 8)]
        said += [round(self.latency, 4)] if self.latency else []
        about = json.dumps(said).encode()
        text = self.text.encode("utf-8", "surrogatepass")
        return Entry({"text": text, "about": about}, self.tokens)

    @classmethod
    def of(cls, entry: Entry) -> "Written":
        """From the ledger."""
        finish, prompt_tokens, *cost = json.loads(entry.columns["about"])
        text = entry.columns["text"].decode("utf-8", "surrogatepass")
        return cls(text, finish, entry.tokens, prompt_tokens, *cost)

    @property
    def cost(self) -> Cost:
        """What it took, whichever task paid for it."""
        return Cost(
            prompt_tokens=self.prompt_tokens, tokens=self.tokens, seconds=self.seconds, money=self.money
        )


def ask(
    teacher: Model,
    questions: Sequence[Question],
    task: Task,
    *,
    budget: Budget | None = None,
    role: str = "teacher",
    every: bool = False,
) -> list[Written | None]:
    """The teacher's answers, in the order of the questions; None where it cannot answer one.

    Each answer is kept as soon as it is there, so a task that is killed, or whose budget is spent, goes on
    where it stopped. BadRequest for a model that writes no answers, and for a spent budget. `role`: its port.
    `every`: BadRequest too where it cannot answer one, once the others are kept.
    """
    keys = [question.key for question in questions]
    with task.ledger(ANSWERS, teacher=teacher, options={}, version=VERSION) as ledger:
        left = set(ledger.missing(keys))
        wanted = {key: one for key, one in zip(keys, questions, strict=True) if key in left}
        if wanted:
            require_writer(teacher, role)
            _Asking(teacher, list(wanted.items()), ledger, task, budget or Budget(), role).run(every=every)
        found = {key: Written.of(entry) for key, entry in ledger.read(keys)}
    told = {key: replace(one, new=key in left) for key, one in found.items()}
    return [told.get(key) for key in keys]


class _Asking:
    """Some questions that a teacher has not been asked yet."""

    def __init__(
        self,
        teacher: Model,
        wanted: Sequence[tuple[str, Question]],
        ledger: Ledger,
        task: Task,
        budget: Budget,
        role: str,
    ) -> None:
        self.teacher, self.wanted, self.ledger, self.task = teacher, wanted, ledger, task
        self.role = role
        self.account = Account(ledger, budget, task, len(wanted), lack="answer")
        self.refused: list[BadRequest] = []

    def run(self, *, every: bool) -> None:
        """Ask all of them; with `every` BadRequest for those that it cannot answer, else a warning."""
        self.account.require()
        runtime = open_runtime(self.teacher, threads=self.task.threads, model_task=MODEL_TASK)
        assert isinstance(runtime, Writing)  # `require_writer` has looked
        self.runtime = runtime
        self.same = SameModel(self.ledger, self.task.say, self.role)
        self.account.begin()
        runtime.write([(one.row, one.settings) for _, one in self.wanted], self._take)
        if self.refused:
            count = f"{len(self.refused)} of {len(self.wanted)}"
            line = f"the {self.role} cannot answer {count} rows; the first: {self.refused[0]}"
            if every:
                raise BadRequest(line)
            self.task.say(f"warning: {line}")

    def _take(self, place: int, found: Generated | BadRequest) -> None:
        if isinstance(found, BadRequest):
            self.refused.append(found)
        else:
            cost = self.account.cost(found.tokens, found.prompt_tokens, self.runtime.price(found))
            self.same.require(found, cost)
            written = Written(
                str(found.answer["text"]),
                found.finish,
                found.tokens,
                found.prompt_tokens,
                cost.seconds,
                cost.money,
                found.seconds,
            )
            self.ledger.add(self.wanted[place][0], written.entry(), cost)
        self.account.count()
        self.account.require()
