"""Curate: from raw files to a Dataset that a model may learn from."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from slmworks.contract.artifact import Dataset, Files, Model
from slmworks.contract.stage import Stage, Task

__all__ = ["Curate"]


class Curate(Stage):
    """Turn raw files, or what a teacher writes, into clean, labelled splits; every dropped row is counted."""

    default: ClassVar[str | None] = "text"
    relations: ClassVar[Mapping[str, str]] = {
        "data": "curated-from",
        "seeds": "grown-from",
        "teacher": "written-by",
        "student": "written-by",
        "embedder": "compared-by",
        "judge": "judged-by",
    }

    @abstractmethod
    def run(
        self,
        *,
        data: Files,
        seeds: Dataset | None,
        teacher: Model | None,
        student: Model | None,
        embedder: Model | None,
        judge: Model | None,
        task: Task,
    ) -> Dataset:
        """Write one Parquet file a split and `card.json`.

        `teacher` writes rows, like those of `seeds` where there are any, and `student` what stands beside
        them; plugins that only read files leave all three out of their `run`. `embedder` says how alike texts
        are in meaning, and `judge` is a classifier that row operators ask.
        """
