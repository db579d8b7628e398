"""Curate: from raw files to a Dataset that a model may learn from."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Files
from slmworks.contract.stage import Stage, Task

__all__ = ["Curate"]


class Curate(Stage):
    """Turn raw files into clean, de-duplicated, labelled splits, and count every row that was dropped."""

    default: ClassVar[str | None] = "text"
    relations: ClassVar[Mapping[str, str]] = {"data": "curated-from"}

    @abstractmethod
    def run(self, *, data: Files, task: Task) -> Dataset:
        """Write one Parquet file a split and `card.json`."""
