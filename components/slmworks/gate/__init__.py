"""Gate: decide, with statistics, whether a candidate may be shown to a reviewer."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from slmworks.contract.artifact import Report, Verdict
from slmworks.contract.stage import Stage, Task

__all__ = ["Gate"]


class Gate(Stage):
    """Choose a candidate and decide whether it is good enough. A refusal is a verdict, not a failure."""

    default: ClassVar[str | None] = "paired-bootstrap"

    @abstractmethod
    def run(self, *, reports: Sequence[Report], champion: Report | None, task: Task) -> Verdict:
        """Write `verdict.json`; `meta["passed"]` says what was decided.

        `champion` is the report of the model that serves today, measured on the same data; None while
        there is none.
        """
