"""A free baseline: the sentence of the context that shares the rarest words with the question."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial

SENTENCE = "nearest sentence"
ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
WORD = re.compile(r"\w+")


def fit(data: Dataset) -> Mapping[str, Trivial | LeftOut]:
    """Weights of words by how few contexts of `train` have them (Sparck Jones, 1972)."""
    import pickle

    (contexts,) = data.columns("train", "context")
    different = set(contexts)
    counts = Counter(word for text in different for word in _words(text))
    weights = {word: math.log(1 + len(different) / count) for word, count in counts.items()}
    most = math.log(1 + len(different))

    def answer(rows: Sequence[Row]) -> list[Answer]:
        return [_nearest(str(row["question"]), str(row["context"]), weights, most) for row in rows]

    return {SENTENCE: Trivial(answer, len(pickle.dumps(weights, protocol=5)))}


def _nearest(question: str, context: str, weights: Mapping[str, float], most: float) -> Answer:
    asked = _words(question)
    sentences = [one for one in ENDS.split(context) if one]
    best = max(
        sentences,
        key=lambda one: sum(weights.get(word, most) for word in _words(one) & asked),
        default="",
    )
    start = context.find(best)
    return {"answer": best, "start": start, "end": start + len(best)}


def _words(text: str) -> set[str]:
    return set(WORD.findall(text.lower()))
