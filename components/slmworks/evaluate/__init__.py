"""Evaluate: measure a model as it will be shipped."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Files, Model, Report
from slmworks.contract.stage import Stage, Task

__all__ = ["Evaluate"]


class Evaluate(Stage):
    """Measure a model as it will be shipped, beside a baseline where one is given."""

    default: ClassVar[str | None] = "quality"
    predicts: ClassVar[bool] = False
    """The report holds the answer to each row (`predictions.parquet`)."""
    relations: ClassVar[Mapping[str, str]] = {
        "model": "measured",
        "data": "measured-on",
        "baseline": "compared-with",
        "judge": "judged-by",
        "probes": "probed-with",
    }

    @abstractmethod
    def run(
        self,
        *,
        model: Model,
        baseline: Report | None,
        judge: Model | None,
        data: Dataset,
        probes: Files | None,
        task: Task,
    ) -> Report:
        """Write `report.json`; `refs` name the model, the data and the baseline's report.

        `judge` says something of answers: which of two is better, whether one is toxic. `probes` are files
        with what to look for: words to swap, secrets. Plugins leave out of their `run` what they don't use.
        """
