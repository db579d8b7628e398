"""Select: let the promising ones of several candidates go on, before more is spent on all of them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from slmworks.contract.artifact import Report, Selection
from slmworks.contract.stage import Stage, Task

__all__ = ["Select"]


class Select(Stage):
    """Choose the candidates that go on. Steps that say `when:` run for those only."""

    default: ClassVar[str | None] = "halving"
    selects: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {"reports": "decided-on"}

    @abstractmethod
    def run(self, *, reports: Sequence[Report], task: Task) -> Selection:
        """Write `selection.json`; `meta` says which models go on, and why each other one was stopped.

        A report that another one was compared with is about no candidate. At least one goes on.
        """
