"""Answers beside the truth, counted row by row: what an evaluation says of a file, in bounded memory."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from slmworks.contract.errors import BadRequest, with_article
from slmworks.contract.model_task import Answer, Measure, ModelTask, Row
from slmworks.numbers import statistics

Counts = Counter[tuple[float, ...]]
"""What rows add to the sums of a measure -> so many rows."""


class Judged:
    """The counts of every measure, and of the first one by slice."""

    def __init__(self, task: ModelTask, labels: list[str]) -> None:
        """Nothing is judged yet. BadRequest where answers can only be judged together (a ranking)."""
        if type(task).judged is not ModelTask.judged:
            what = f"answers of {with_article(task.name)} model"
            raise BadRequest(f"{what} are judged by evaluate/quality, all at once; leave out --label.")
        self.task, self.labels = task, frozenset(labels)
        self.n = 0
        self.unknown: Counter[str] = Counter()
        """Truths that the model knows no label for -> rows."""
        self._counts: dict[str, Counts | None] = {one.name: Counter() for one in task.measures}
        self._slices: dict[tuple[str, str], Counts] = {}

    def add(self, row: Row, truth: str, answer: Answer) -> None:
        """Judge one answer; `row` is what was asked."""
        whole = {**row, self.task.targets[0]: truth, "source": None}
        self.n += 1
        if self.labels and truth not in self.labels:
            self.unknown[truth] += 1
        for measure in self.task.measures:
            held = self._counts[measure.name]
            if held is None or not measure.given([answer]):
                self._counts[measure.name] = None
            else:
                held[tuple(measure.counts(whole, answer))] += 1
        first = self.task.measures[0]
        for place in self.task.slices(whole).items():
            if place[1]:
                self._slices.setdefault(place, Counter())[tuple(first.counts(whole, answer))] += 1

    def report(self) -> dict[str, Any]:
        """`n`; measure -> value, low, high (95 %); of the first one the same by slice: kind -> value."""
        slices: dict[str, dict[str, Any]] = {}
        for (kind, value), counts in sorted(self._slices.items()):
            found = _estimate(self.task.measures[0], counts)
            slices.setdefault(kind, {})[value] = {"n": counts.total(), **found}
        return {
            "n": self.n,
            "measures": {
                one.name: _estimate(one, held)
                for one in self.task.measures
                if (held := self._counts[one.name])
            },
            "slices": slices,
            "unknown_labels": dict(self.unknown),
        }


def _estimate(measure: Measure, counts: Counts) -> Mapping[str, float]:
    import numpy as np

    rows = np.repeat(np.array(list(counts), float), list(counts.values()), axis=0)
    return statistics.estimate(rows, measure, fine=False).rounded()
