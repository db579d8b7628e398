"""The model task `question-answering`: the part of a context that answers a question."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Answer, Details, LeftOut, ModelTask, Row, Trivial, share
from slmworks.model_tasks.question_answering import measures

ASKED = ("what", "which", "who", "when", "where", "why", "how")
"""Words by which questions are told apart."""


class ContextAnswer(Documented):
    """The answer to one question."""

    answer: str
    """A part of the context; empty where there is no answer."""
    start: int
    """Its first character in the context, counted from 0."""
    end: int
    """The first character behind it."""
    score: float
    """Probability of its first word times that of its last, 0 to 1."""


class QuestionAnswering(ModelTask):
    """Extractive answers, judged by SQuAD's F1 and exact match: F1 decides.

    A row is a `question`, a `context`, and `answers`: right ones, each a part of the context (`text`,
    `start`); none where the context has no answer.
    """

    name: ClassVar[str] = "question-answering"
    inputs: ClassVar[tuple[str, ...]] = ("question", "context")
    targets: ClassVar[tuple[str, ...]] = ("answers",)
    carried_meta: ClassVar[tuple[str, ...]] = ("unanswerable", "max_length", "parameters")
    measures: ClassVar = (
        share("f1", "answer F1", measures.f1),
        share("exact_match", "exact match", measures.exact),
    )

    route: ClassVar[str] = "answer"
    verb: ClassVar[str] = "Answer"
    response: ClassVar[type[BaseModel]] = ContextAnswer
    example: ClassVar[Row] = {
        "question": "When can I bring it back?",
        "context": "Goods can be returned within 30 days. Keep the receipt.",
    }

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:
        """BadRequest for rows without answers, where the data don't say that there may be none."""
        missing = sum(not row["answers"] for row in rows)
        if missing and not data.meta.get("unanswerable"):
            raise BadRequest(
                f"the data's split '{split}' has {missing} rows without an answer; curate it again, with "
                "`unanswerable: true` where questions may have none."
            )

    def slices(self, row: Row) -> Mapping[str, str]:
        """By source, and by the word that asks."""
        words = str(row["question"]).lower().split()
        return {**super().slices(row), "asked": next((word for word in words if word in ASKED), "other")}

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """The sentence with the question's rarest words."""
        from slmworks.model_tasks.question_answering import trivial

        return trivial.fit(data)

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """Answers by kind."""
        return Details(content={"outcomes": measures.outcomes(rows, answers)})

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """F1 of the two answers' words."""
        return measures.overlap(str(wanted["answer"]), str(found["answer"]))

    def confidence(self, answer: Answer) -> float | None:
        """The answer's probability."""
        return float(answer["score"]) if "score" in answer else None

    def brief(self, answer: Answer) -> str:
        """The answer."""
        return str(answer["answer"])[:200] or "no answer"

    def truth(self, row: Row) -> str:
        """The different right answers."""
        return " / ".join(dict.fromkeys(text for text in measures.right(row) if text)) or "no answer"

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Answers by kind."""
        from slmworks.model_tasks.question_answering import page

        return (page.outcomes(candidate, teacher),)

    def companions(self, model: Model) -> Mapping[str, str]:
        """`reader.json`: the length of a window in tokens, and whether there may be no answer."""
        about = {
            "max_length": int(model.meta["max_length"]),
            "unanswerable": bool(model.meta.get("unanswerable")),
        }
        return {"reader.json": json.dumps(about, indent=1) + "\n"}

    def counted(self, answer: Answer) -> str:
        """Whether there is an answer."""
        return "answer" if answer["answer"] else "no answer"
