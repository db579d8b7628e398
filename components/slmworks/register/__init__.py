"""Register: make a release of the chosen model and enter it in the registry as a candidate."""

from abc import abstractmethod
from typing import ClassVar

from slmworks.contract.artifact import Release, Verdict
from slmworks.contract.stage import Stage, Task

__all__ = ["Register"]


class Register(Stage):
    """Make a release of the chosen model and enter it in the registry as a candidate."""

    default: ClassVar[str | None] = "mlflow"
    cacheable: ClassVar[bool] = False

    @abstractmethod
    def run(self, *, verdict: Verdict, task: Task) -> Release:
        """Idempotent by (name, model digest, wrapper digest)."""
