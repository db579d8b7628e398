"""A teacher's work, paid for row by row: what each one took, and the budget that ends it."""

import time
from typing import Annotated

from pydantic import Field, PositiveInt

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.ledger import Cost, Ledger
from slmworks.contract.stage import Task
from slmworks.machine.energy import Meter

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


class Account:
    """The rows that a teacher still has to work on, and what they took so far."""

    def __init__(self, ledger: Ledger, budget: Budget, task: Task, rows: int, *, lack: str) -> None:
        """`lack`: what a row without an entry has none of (`answer`), for the error of a spent budget."""
        self._ledger, self._budget, self._task, self._rows, self._lack = ledger, budget, task, rows, lack
        self._done = 0
        self._told = 0.0
        self.begin()

    def begin(self) -> None:
        """Time and energy count from here on, so after the teacher was loaded."""
        self._meter = Meter(accelerators=True)
        self._clock, self._cpu = time.monotonic(), time.process_time()

    def cost(self, tokens: int, prompt_tokens: int = 0, money: float = 0.0) -> Cost:
        """What a row took: these, and all time and energy since the last one."""
        clock, cpu = time.monotonic(), time.process_time()
        seconds, cpu_seconds = clock - self._clock, cpu - self._cpu
        self._clock, self._cpu = clock, cpu
        return Cost(prompt_tokens, tokens, seconds, cpu_seconds, self._meter.joules(), money)

    def count(self, rows: int = 1) -> None:
        """So many more rows are done, with an entry or without; tell people now and then."""
        self._done += rows
        now = time.monotonic()
        if now - self._told > TELL or self._done == self._rows:
            self._told = now
            self._task.progress(self._done, self._rows, note="asking the teacher")

    def require(self) -> None:
        """BadRequest once the budget is spent and rows are left."""
        left = self._rows - self._done
        limited = self._budget != Budget()  # the sum over all chunks is worth nothing otherwise
        spent = self._budget.reached(self._ledger.spent) if left and limited else ""
        if spent:
            raise BadRequest(
                f"budget: it is spent ({spent}), and {left} of {self._rows} rows have no {self._lack} yet; "
                "raise it, or take fewer rows. What was paid for is kept."
            )
