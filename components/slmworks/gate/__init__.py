"""Gate: accept or refuse a candidate by statistics, before a reviewer sees it."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from slmworks.contract.artifact import Report, Verdict
from slmworks.contract.stage import Stage, Task

__all__ = ["Gate"]


class Gate(Stage):
    """Choose a candidate, and accept or refuse it. A refusal is a verdict, not a failure."""

    default: ClassVar[str | None] = "paired-bootstrap"
    decides: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {
        "reports": "decided-on",
        "champion": "compared-with",
        "references": "compared-with",
    }

    @abstractmethod
    def run(
        self,
        *,
        reports: Sequence[Report],
        champion: Report | None,
        references: Sequence[Report] | None,
        task: Task,
    ) -> Verdict:
        """Write `verdict.json`; `meta["passed"]` is the decision.

        `champion` is the report of the model that serves today, measured on the same data; None while
        there is none. `references` are reports on models that must be beaten and are never chosen: untuned
        ones, or what another way would give.
        """
