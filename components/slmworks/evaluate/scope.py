"""How well a model tells questions that it was made for from others, and what declining some would gain.

Judged where the model ships with a threshold (`export/scope`) or the data have out-of-scope rows. A model
without a threshold is judged by how sure its answers are, with one that is chosen on validation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.model_task import Answer, Details, Measure, ModelTask, Row
from slmworks.contract.scope import SCORE, SPLITS, scope_of
from slmworks.evaluate import predictions
from slmworks.evaluate.answering import Answers
from slmworks.numbers import selective, statistics

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

KEPT = 0.95
"""Share of validation that is kept by the threshold of a model that ships without one."""
CONFIDENCE = "confidence"
"""The score of such a model: how sure its answer is of itself."""
SHARES = tuple(round(1 - 0.05 * step, 2) for step in range(11))
"""Shares of the surest answers that the curve has a point for."""
RIGHT = 0.5
"""The least value of the deciding measure over its own row of an answer that counts as right."""
EXAMPLES = 6
"""How many texts of each kind of mistake a report shows."""


@dataclass(frozen=True)
class Outside:
    """The out-of-scope rows of each judged split and their answers; a split without any is left out."""

    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    answers: Mapping[str, Sequence[Answer]] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Answers, data: Dataset, splits: Sequence[str]) -> "Outside":
        """Have the out-of-scope rows answered that the data hold for these splits."""
        there = {one: SPLITS[one] for one in splits if SPLITS[one] in data.splits}
        rows = {}
        for split, name in there.items():
            further = [one for one in given.purpose.asked_with if data.has(name, one)]
            rows[split] = data.rows(name, "id", "source", *given.purpose.inputs, *further)
        total, before = sum(map(len, rows.values())), 0
        answers: dict[str, Sequence[Answer]] = {}
        for split, some in rows.items():

            def tell(done: int, before: int = before) -> None:
                given.task.progress(before + done, total, note="out of scope")

            answers[split] = given.of(some, tell=tell)
            before += len(some)
        return cls(rows, answers)


@dataclass(frozen=True)
class ScopeJudge:
    """The threshold of a model, and out-of-scope rows to judge it by."""

    purpose: ModelTask
    score: str
    threshold: float | None
    """None where there is none, and none can be chosen."""
    chosen: str
    """Who chose it: `shipped` (the model's own) or `validation` (of this report)."""
    outside: Outside
    measure: Measure
    """The one that decides, for the curve."""

    @classmethod
    def of(
        cls,
        purpose: ModelTask,
        model: Model,
        answers: Mapping[str, Sequence[Answer]],
        outside: Outside,
        measure: Measure,
    ) -> "ScopeJudge | None":
        """None where there is nothing to judge; `answers`: those to the in-scope rows, by split."""
        scope = scope_of(model)
        if scope is not None:
            return cls(purpose, scope.score, scope.threshold, "shipped", outside, measure)
        if not outside.rows:
            return None
        sure = _scores(purpose, answers["validation"]) if "validation" in answers else None
        enough = sure is not None and len(sure) >= selective.rows_for(KEPT)
        least = selective.threshold(sure, KEPT) if sure is not None and enough else None
        return cls(purpose, CONFIDENCE, least, "validation", outside, measure)

    def details(
        self, split: str, rows: Sequence[Row], answers: Sequence[Answer], *, resamples: int, seed: int
    ) -> Details:
        """Measures with intervals, a limit, and `scope` for the page; nothing where answers aren't sure."""
        sure = _scores(self.purpose, answers)
        others = _scores(self.purpose, self.outside.answers.get(split, ()))
        if sure is None or others is None:
            return Details()
        measures, limits = {}, {}
        content: dict[str, Any] = {"score": self.score, "chosen": self.chosen, "out_of_scope": len(others)}
        if len(others):
            measures["out_of_scope_auroc"] = selective.auroc(sure, others)
        if self.threshold is not None:
            content["threshold"] = self.threshold
            kept, declined = sure >= self.threshold, others < self.threshold
            measures["in_scope_recall"] = statistics.wilson(int(kept.sum()), len(kept))
            if len(others):
                found = statistics.wilson(int(declined.sum()), len(declined))
                measures["out_of_scope_recall"] = found
                limits["out_of_scope_answered"] = round(1 - found.value, 6)
            content["examples"] = self._examples(split, rows, answers, sure, others)
        if (apart := _told_apart(self.measure, rows, answers, sure)) is not None:
            measures["wrong_answer_auroc"] = apart
        content["curve"] = self._curve(rows, answers, sure, others, resamples=resamples, seed=seed)
        return Details(measures, limits, {"scope": content})

    def _curve(
        self, rows: Sequence[Row], answers: Sequence[Answer], sure: "Array", others: "Array",
        *, resamples: int, seed: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Share of in-scope rows answered -> the deciding measure over these, and others declined."""
        import numpy as np

        first = self.measure
        counts = predictions.counted(first, rows, answers)
        found = []
        for places in selective.surest(sure, np.array(SHARES)):
            point = {
                "kept": round(len(places) / len(sure), 6),
                first.name: statistics.estimate(
                    counts[places], first, resamples=resamples, seed=seed, fine=False
                ).rounded(),
            }
            if len(others):
                beyond = int((others < sure[places].min()).sum())
                point["declined"] = statistics.wilson(beyond, len(others)).rounded()
            found.append(point)
        return found

    def _examples(
        self, split: str, rows: Sequence[Row], answers: Sequence[Answer], sure: "Array", others: "Array"
    ) -> dict[str, list[dict[str, Any]]]:
        """Out-of-scope rows that were answered, the surest first; in-scope rows declined, the least sure."""
        assert self.threshold is not None
        strange, said = self.outside.rows.get(split, ()), self.outside.answers.get(split, ())
        let_in = [i for i in (-others).argsort(kind="stable").tolist() if others[i] >= self.threshold]
        turned_away = [i for i in sure.argsort(kind="stable").tolist() if sure[i] < self.threshold]
        return {
            "answered": [self._example(strange[i], said[i], others[i]) for i in let_in[:EXAMPLES]],
            "declined": [
                {**self._example(rows[i], answers[i], sure[i]), "truth": self.purpose.truth(rows[i])}
                for i in turned_away[:EXAMPLES]
            ],
        }

    def _example(self, row: Row, answer: Answer, score: float) -> dict[str, Any]:
        return {
            "id": row["id"],
            "text": self.purpose.text(row),
            "ours": self.purpose.brief(answer),
            "score": round(float(score), 4),
        }


def _told_apart(
    first: Measure, rows: Sequence[Row], answers: Sequence[Answer], sure: "Array"
) -> statistics.Estimate | None:
    """How well scores tell right answers from wrong ones; None for one kind alone, or of no share."""
    if not (first.higher_is_better and first.is_share):
        return None
    counts = predictions.counted(first, rows, answers)
    judged = counts.any(axis=1)
    values, sure = first.value(counts[judged]), sure[judged]
    right, wrong = sure[values >= RIGHT], sure[values < RIGHT]
    return selective.auroc(right, wrong) if len(right) and len(wrong) else None


def joined(one: Details, more: Details) -> Details:
    """The details of a model task and what was judged of its scope."""
    measures, limits = {**one.measures, **more.measures}, {**one.limits, **more.limits}
    return Details(measures, limits, {**one.content, **more.content})


def _scores(purpose: ModelTask, answers: Sequence[Answer]) -> "Array | None":
    """Float64 [rows]: the scores of a model that knows its scope, else how sure it is; None for neither."""
    import numpy as np

    found = [answer.get(SCORE, purpose.confidence(answer)) for answer in answers]
    return None if any(one is None for one in found) else np.array(found, float)
