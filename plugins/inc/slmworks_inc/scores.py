"""Scores of a quantized model on validation: the model task's measure, or agreement with the fp32 model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, ModelTask, Row
from slmworks.contract.runtime import Runtime, answer_all, inputs_of


@dataclass(frozen=True)
class Scorer:
    """A number of a model's quality, by name; higher is better."""

    name: str
    """`accuracy`, `agreement`."""
    of: Callable[[Runtime], float]
    """From a loaded model to its score."""


def by_measure(purpose: ModelTask, rows: Sequence[Row], data: Dataset) -> Scorer:
    """The model task's first measure over `rows` of `validation`; BadRequest where lower is better."""
    measure = purpose.measures[0]
    if not measure.higher_is_better:
        raise BadRequest(
            f"score: {measure.name}, which decides for {purpose.name}, is better the lower it is, and "
            "inc-autotune keeps a share of a score; use `score: agreement`."
        )
    purpose.check(data, "validation", rows)

    def value(runtime: Runtime) -> float:
        def answer(some: Sequence[Row]) -> list[Answer]:
            return answer_all(runtime, inputs_of(purpose, some))

        return measure.over(rows, purpose.judged(answer, {"validation": rows}, data)["validation"])

    return Scorer(measure.name, value)


def by_agreement(purpose: ModelTask, rows: Sequence[Row], reference: Runtime) -> Scorer:
    """Mean agreement with the answers of `reference` to `rows`."""
    given = inputs_of(purpose, rows)
    wanted = answer_all(reference, given)

    def value(runtime: Runtime) -> float:
        return fmean(map(purpose.agreement, wanted, answer_all(runtime, given)))

    return Scorer("agreement", value)
