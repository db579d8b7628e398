"""The model task `reading-comprehension`."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Dialect, ModelTask, Row, share


class Span(Documented):
    """Where the answer is."""

    span: str
    """The answer's text."""
    start: int
    """Characters before it."""
    scores: dict[str, float]
    """Probability of each span."""
    others: list[str]
    """What follows it."""


class Prompt(BaseModel):
    """The body of another API."""

    prompt: str
    n: int = 1


def _rows(body: Prompt) -> list[Row]:
    question, bar, context = body.prompt.partition("|")
    if not bar:
        raise BadRequest("prompt: has no '|' between question and context.")
    return [{"question": question, "context": context}] * body.n


def _reply(body: Prompt, answers: Sequence[Answer], model: str) -> dict[str, Any]:
    return {"object": "completion", "model": model, "choices": [{"text": one["span"]} for one in answers]}


class ReadingComprehension(ModelTask):
    """Where in a context the answer to a question is; exact match decides."""

    name: ClassVar[str] = "reading-comprehension"
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    targets: ClassVar[tuple[str, ...]] = ("span",)
    shared_meta: ClassVar[tuple[str, ...]] = ("language",)
    measures: ClassVar = (
        share("exact_match", "exact match", lambda row, said: (float(row["span"] == said["span"]), 1.0)),
    )
    route: ClassVar[str] = "extract"
    verb: ClassVar[str] = "Extract"
    response: ClassVar[type[BaseModel]] = Span
    example: ClassVar[Row] = {"question": "Where does she live?", "context": "She's at home in Oslo now."}
    dialects: ClassVar[tuple[Dialect, ...]] = (
        Dialect("v1/completions", "Complete a prompt.", Prompt, _rows, _reply),
    )

    def brief(self, answer: Answer) -> str:
        """The span."""
        return str(answer["span"])

    def truth(self, row: Mapping[str, Any]) -> str:
        """The span."""
        return str(row["span"])
