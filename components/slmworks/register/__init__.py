"""Register: make a release of the chosen model and enter it in the registry as a candidate."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Release, Verdict
from slmworks.contract.stage import Stage
from slmworks.registry.task import ReleaseTask

__all__ = ["Register"]


class Register(Stage):
    """Make a release of the chosen model and enter it in the registry as a candidate."""

    default: ClassVar[str | None] = "mlflow"
    cacheable: ClassVar[bool] = False
    once: ClassVar[bool] = True
    registers: ClassVar[bool] = True
    relations: ClassVar[Mapping[str, str]] = {"verdict": "admitted-by"}

    @abstractmethod
    def run(self, *, verdict: Verdict, task: ReleaseTask) -> Release:
        """Idempotent by (name, model digest, wrapper digest)."""
