"""Quantize: store and compute in fewer bits."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Quantize"]


class Quantize(Stage):
    """Store and compute in fewer bits."""

    relations: ClassVar[Mapping[str, str]] = {"model": "quantized-from", "calibration": "calibrated-on"}

    @abstractmethod
    def run(self, *, model: Model, calibration: Dataset | None, task: Task) -> Model:
        """Return the quantized model. Calibration reads `train`, never `test`."""
