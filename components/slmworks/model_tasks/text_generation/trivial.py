"""Answers without a language model: the nearest training row's, and the most frequent one."""

import pickle
from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import first_line
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial
from slmworks.model_tasks.text_generation.messages import conversation
from slmworks.model_tasks.text_generation.nearest import NearestTexts

NEAREST, FREQUENT = "nearest training answer", "most frequent answer"


def fit(data: Dataset) -> Mapping[str, Trivial | LeftOut]:
    """Both, fitted to the training rows that have an answer."""
    prompts, answers = data.columns("train", "messages", "completion")
    told = [(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True) if answer]
    if not told:
        reason = "the split 'train' has no answers"
        return {NEAREST: LeftOut(reason), FREQUENT: LeftOut(reason)}
    texts, known = [conversation(prompt) for prompt, _ in told], [answer for _, answer in told]
    return {NEAREST: _nearest(texts, known), FREQUENT: _frequent(known)}


def _frequent(answers: Sequence[str]) -> Trivial:
    """The most frequent answer; of several the first by name."""
    found = max(sorted(set(answers)), key=Counter(answers).__getitem__)
    return Trivial(lambda rows: [_answer(found)] * len(rows), len(pickle.dumps(found, protocol=5)))


def _nearest(texts: Sequence[str], answers: Sequence[str]) -> Trivial | LeftOut:
    """The answer of the training row whose words are nearest; the first one of equals.

    By the cosine of TF-IDF vectors over words and pairs of words (Salton & Buckley, 1988).
    """
    try:
        nearest = NearestTexts(texts)
    except ValueError as error:
        return LeftOut(first_line(error))

    def answer(rows: Sequence[Row]) -> list[Answer]:
        found = nearest.of([conversation(row["messages"]) for row in rows])
        return [_answer(answers[place]) for (place,) in found]

    size = len(pickle.dumps((nearest.words, nearest.vectors, list(answers)), protocol=5))
    return Trivial(answer, size)


def _answer(text: str) -> Answer:
    return {"text": text}
