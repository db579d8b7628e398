"""Some labels of a classifier, named by their user, and how likely texts have one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from slmworks.contract import catalog
from slmworks.contract.artifact import Model
from slmworks.contract.errors import BadRequest, did_you_mean
from slmworks.contract.model_task import Answer, only_text
from slmworks.contract.runtime import TRUNCATED, Runtime, answered, in_batches


@dataclass(frozen=True)
class NamedLabels:
    """Labels of a model that sorts texts."""

    labels: tuple[str, ...]
    column: str
    """The model's input."""

    @classmethod
    def of(cls, judge: Model, labels: Sequence[str], *, option: str, meaning: str) -> Self:
        """The labels that an option names, which mean `meaning`.

        BadRequest for a model that doesn't sort texts, for a label that it hasn't, and where all are named.
        """
        if not judge.model_task:
            raise BadRequest(
                "judge: a model without a task has no labels; give `judge` a classifier (a step with stage: "
                "finetune)."
            )
        purpose = catalog.model_task(judge.model_task)
        column = only_text(purpose)
        if not purpose.classes or not column:
            raise BadRequest(
                f"judge: a model for {purpose.name} doesn't sort texts; give `judge` a classifier of "
                f"{meaning} and other texts."
            )
        known = [str(label) for label in judge.meta.get("labels", ())]
        for place, one in enumerate(labels):
            if one in labels[:place]:
                raise BadRequest(f"{option}: it names '{one}' twice; name each label once.")
            if one not in known:
                raise BadRequest(f"{option}: the judge has no label '{one}'. {did_you_mean(one, known)}")
        if set(known) <= set(labels):
            raise BadRequest(
                f"{option}: it names all labels of the judge, so every text would be {meaning}; leave out "
                "what is harmless."
            )
        return cls(tuple(labels), column)

    def probabilities(
        self, runtime: Runtime, texts: Sequence[str], batch_size: int
    ) -> tuple[list[float], int]:
        """Of each text the probability of one of the labels, and how many were read only in part.

        That of an empty text is 0.
        """
        places = [place for place, text in enumerate(texts) if text.strip()]
        rows = [{self.column: texts[place]} for place in places]
        said = in_batches(lambda batch: answered(runtime, batch), rows, batch_size)
        found = [0.0] * len(texts)
        for place, answer in zip(places, said, strict=True):
            found[place] = self.probability(answer)
        return found, sum(bool(answer.get(TRUNCATED)) for answer in said)

    def probability(self, answer: Answer) -> float:
        """The sum over the labels; 0 or 1 where the model gives no scores."""
        if "scores" not in answer:
            return float(answer["label"] in self.labels)
        return sum(float(answer["scores"][label]) for label in self.labels)
