"""Export: write a model in the format that will be served."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Export"]


class Export(Stage):
    """Write a model in the format that will be served."""

    default: ClassVar[str | None] = "onnx"
    relations: ClassVar[Mapping[str, str]] = {"model": "exported-from", "calibration": "calibrated-on"}

    @abstractmethod
    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Return the same model in another format, checked against the original.

        `calibration`: data that something of it is chosen on (`scope`); reads `validation`, never `test`.
        """
