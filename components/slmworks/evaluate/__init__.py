"""Evaluate: measure a model as it will be shipped."""

from abc import abstractmethod
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Model, Report
from slmworks.contract.stage import Stage, Task

__all__ = ["Evaluate"]


class Evaluate(Stage):
    """Measure a model as it will be shipped, beside a baseline where one is given."""

    predicts: ClassVar[bool] = False
    """The report holds what was answered to each row (`predictions.parquet`)."""

    @abstractmethod
    def run(self, *, model: Model, baseline: Report | None, data: Dataset, task: Task) -> Report:
        """Write `report.json`; `refs` name the model, the data and the baseline's report."""
