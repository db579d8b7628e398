"""Answers without a language model: the nearest training row's, its slots filled, the most frequent one."""

import pickle
from collections import Counter
from collections.abc import Mapping, Sequence

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import first_line
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial
from slmworks.model_tasks.text_generation import json_answers
from slmworks.model_tasks.text_generation.messages import conversation
from slmworks.model_tasks.text_generation.nearest import NearestTexts
from slmworks.model_tasks.text_generation.slots import Slots

NEAREST, FREQUENT = "nearest training answer", "most frequent answer"
SLOTS = "nearest answer + slots"


def fit(data: Dataset) -> Mapping[str, Trivial | LeftOut]:
    """All of them, fitted to the training rows that have an answer; slots only where answers are JSON."""
    prompts, answers = data.columns("train", "messages", "completion")
    told = [(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True) if answer]
    if not told:
        reason = "the split 'train' has no answers"
        return {NEAREST: LeftOut(reason), FREQUENT: LeftOut(reason)}
    texts, known = [conversation(prompt) for prompt, _ in told], [answer for _, answer in told]
    try:
        nearest = NearestTexts(texts)
    except ValueError as error:
        return {NEAREST: LeftOut(first_line(error)), FREQUENT: _frequent(known)}
    found = {NEAREST: _nearest(nearest, known), FREQUENT: _frequent(known)}
    filled = _filled(nearest, texts, known)
    return found | ({SLOTS: filled} if filled else {})


def _frequent(answers: Sequence[str]) -> Trivial:
    """The most frequent answer; of several the first by name."""
    found = max(sorted(set(answers)), key=Counter(answers).__getitem__)
    return Trivial(lambda rows: [_answer(found)] * len(rows), len(pickle.dumps(found, protocol=5)))


def _nearest(nearest: NearestTexts, answers: Sequence[str]) -> Trivial:
    """The answer of the training row whose words are nearest; the first one of equals."""

    def answer(rows: Sequence[Row]) -> list[Answer]:
        found = nearest.of([conversation(row["messages"]) for row in rows])
        return [_answer(answers[place]) for (place,) in found]

    size = len(pickle.dumps((nearest.words, nearest.vectors, list(answers)), protocol=5))
    return Trivial(answer, size)


def _filled(nearest: NearestTexts, texts: Sequence[str], answers: Sequence[str]) -> Trivial | None:
    """The nearest answer with the message's own values; None unless answers are JSON with such values."""
    values = [json_answers.parsed(answer) for answer in answers]
    if not all(map(json_answers.structured, values)):
        return None
    slots = Slots(texts, values)
    if not slots.found:
        return None

    def answer(rows: Sequence[Row]) -> list[Answer]:
        asked = [conversation(row["messages"]) for row in rows]
        return [
            _answer(slots.filled(place, text))
            for (place,), text in zip(nearest.of(asked), asked, strict=True)
        ]

    return Trivial(answer, len(pickle.dumps((nearest.words, nearest.vectors, slots), protocol=5)))


def _answer(text: str) -> Answer:
    return {"text": text}
