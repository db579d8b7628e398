"""The model task `span-extraction`: a question and its context in, the answering sentence out."""

from collections import Counter
from typing import ClassVar

from pydantic import BaseModel

from slmworks.contract.model_task import Answer, Measure, ModelTask, Row


class Span(BaseModel):
    """A span of the context."""

    span: str
    score: float


def overlap(row: Row, answer: Answer) -> tuple[float, ...]:
    """Words that span and truth share, that only the span has, that only the truth has."""
    ours, truth = (Counter(text.split()) for text in (answer["span"], row["answer"]))
    both = (ours & truth).total()
    return (float(both), float(ours.total() - both), float(truth.total() - both))


def f1(sums):
    """F1 from sums [..., (tp, fp, fn)]."""
    return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2] + 1e-12)


class SpanExtraction(ModelTask):
    """The sentence of a context that answers a question."""

    name: ClassVar[str] = "span-extraction"
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    targets: ClassVar[tuple[str, ...]] = ("answer",)
    measures: ClassVar = (Measure("f1", "token F1", overlap, f1, worst=(0, 4, 4), best=(4, 0, 0)),)
    route: ClassVar[str] = "extract"
    response: ClassVar[type[BaseModel]] = Span
    example: ClassVar[Row] = {"question": "Where is the key?", "context": "It rains. The key is here."}

    def brief(self, answer: Answer) -> str:
        """The span."""
        return answer["span"]
