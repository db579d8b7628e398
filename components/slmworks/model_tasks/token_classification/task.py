"""The model task `token-classification`: the entities of a text, or a class for every word."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from slmworks.contract.artifact import Dataset, Model
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import (
    Answer,
    Details,
    LeftOut,
    Measure,
    ModelTask,
    Row,
    Trivial,
    mean,
)
from slmworks.model_tasks.token_classification import measures
from slmworks.model_tasks.token_classification.trivial import LINEAR, fit

HEAVY = 10.0
"""Entities of a row that weighs as much as any: more than most sentences have."""
LONG = 60.0
"""Words of such a row."""


class Entity(Documented):
    """A part of a text, and what it is."""

    start: int
    """Its first character in the text, counted from 0."""
    end: int
    """The first character behind it."""
    label: str
    """What it is."""
    score: float
    """Mean probability of its words' tags, 0 to 1."""
    text: str
    """The text from start to end."""


class Entities(Documented):
    """The entities of one text."""

    entities: list[Entity]
    """From left to right; none overlap."""


class TokenClassification(ModelTask):
    """Entities of a text, judged whole: F1 of spans with their labels decides.

    A row is a text (`text`) and its entities (`entities`: start and end in characters, and a label), which
    begin and end with words. A class for every word (part of speech) is an entity for every word.
    """

    name: ClassVar[str] = "token-classification"
    inputs: ClassVar[tuple[str, ...]] = ("text",)
    targets: ClassVar[tuple[str, ...]] = ("entities",)
    shared_meta: ClassVar[tuple[str, ...]] = ("labels",)
    carried_meta: ClassVar[tuple[str, ...]] = ("labels", "max_length", "parameters")
    measures: ClassVar = (
        Measure(
            "f1", "span F1", measures.spans, measures.f1, worst=(0.0, HEAVY, HEAVY), best=(HEAVY, 0.0, 0.0)
        ),
        Measure("precision", "precision", measures.said_right, mean, worst=(0.0, HEAVY), best=(HEAVY, HEAVY)),
        Measure("recall", "recall", measures.found_right, mean, worst=(0.0, HEAVY), best=(HEAVY, HEAVY)),
        Measure("word_accuracy", "word accuracy", measures.words, mean, worst=(0.0, LONG), best=(LONG, LONG)),
    )
    linear: ClassVar[str] = LINEAR
    noun: ClassVar[str] = "entities"

    route: ClassVar[str] = "tag"
    verb: ClassVar[str] = "Tag"
    response: ClassVar[type[BaseModel]] = Entities
    example: ClassVar[Row] = {"text": "Ada Lovelace met Charles Babbage in London in 1833."}

    def check(self, data: Dataset, split: str, rows: Sequence[Row]) -> None:
        """BadRequest for a label that the data doesn't list."""
        labels = list(data.meta.get("labels", ()))
        strange = sorted({str(one["label"]) for row in rows for one in row["entities"] or ()} - set(labels))
        if strange:
            raise BadRequest(
                f"the data's split '{split}' has the label '{strange[0]}', which is not among its labels "
                f"({', '.join(labels)}); curate it again."
            )

    def stratum(self, row: Row) -> tuple[str, ...]:
        """Splits hold the same share of texts with the same labels."""
        return (" ".join(sorted({str(one["label"]) for one in row["entities"]})),)

    def trivial(self, data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
        """The most frequent tag of each word, and a linear model on words and their neighbours."""
        return fit(data, seed=seed)

    def details(
        self, rows: Sequence[Row], answers: Sequence[Answer], model: Model, *, resamples: int, seed: int
    ) -> Details:
        """Each label, and wrong entities by kind."""
        labels = list(model.meta.get("labels", ()))
        return Details(
            content={
                "entities": measures.by_label(rows, answers, labels),
                "errors": measures.errors(rows, answers),
            }
        )

    def agreement(self, wanted: Answer, found: Answer) -> float:
        """F1 of the entities of both; 1 where neither has any."""
        ours, theirs = measures.keys(wanted["entities"]), measures.keys(found["entities"])
        return 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours or theirs else 1.0

    def confidence(self, answer: Answer) -> float | None:
        """The score of the least sure entity."""
        scores = [float(one["score"]) for one in answer["entities"] if "score" in one]
        return min(scores, default=None)

    def brief(self, answer: Answer) -> str:
        """The entities with their labels."""
        return _brief((str(one["text"]), str(one["label"])) for one in answer["entities"])

    def truth(self, row: Row) -> str:
        """The true entities with their labels."""
        text = str(row["text"])
        return _brief((text[one["start"] : one["end"]], one["label"]) for one in row["entities"])

    def sections(self, candidate: Mapping[str, Any], teacher: Mapping[str, Any] | None) -> Sequence[str]:
        """Labels, and the kinds of mistakes."""
        from slmworks.model_tasks.token_classification import page

        return (page.labels(candidate, teacher), page.errors(candidate, teacher))

    def companions(self, model: Model) -> Mapping[str, str]:
        """`tags.json`: the labels, and the length of a window in tokens."""
        about = {"labels": list(model.meta["labels"]), "max_length": int(model.meta["max_length"])}
        return {"tags.json": json.dumps(about, indent=1, ensure_ascii=False) + "\n"}

    def counted(self, answer: Answer) -> str:
        """Whether there are entities."""
        return "entities" if answer["entities"] else "no entities"


def _brief(entities: Any) -> str:
    return ", ".join(f"{text} {label}" for text, label in entities) or "no entities"
