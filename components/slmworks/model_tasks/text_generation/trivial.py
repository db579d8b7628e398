"""Answers without a language model: the nearest training row's, and the most frequent one."""

import pickle
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import first_line
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial
from slmworks.model_tasks.text_generation.messages import SYSTEM, TOOLS

NEAREST, FREQUENT = "nearest training answer", "most frequent answer"
ROWS = 256
"""Rows that are compared with all training rows at once."""


def fit(data: Dataset) -> Mapping[str, Trivial | LeftOut]:
    """Both, fitted to the training rows that have an answer."""
    prompts, answers = data.columns("train", "messages", "completion")
    told = [(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True) if answer]
    if not told:
        reason = "the split 'train' has no answers"
        return {NEAREST: LeftOut(reason), FREQUENT: LeftOut(reason)}
    texts, known = [conversation(prompt) for prompt, _ in told], [answer for _, answer in told]
    return {NEAREST: _nearest(texts, known), FREQUENT: _frequent(known)}


def conversation(messages: Sequence[Mapping[str, Any]]) -> str:
    """What is said in a conversation, without instructions and tools, which are the same in many."""
    return "\n".join(str(one["content"]) for one in messages if one["role"] not in (SYSTEM, TOOLS))


def _frequent(answers: Sequence[str]) -> Trivial:
    """The most frequent answer; of several the first by name."""
    found = max(sorted(set(answers)), key=Counter(answers).__getitem__)
    return Trivial(lambda rows: [_answer(found)] * len(rows), len(pickle.dumps(found, protocol=5)))


def _nearest(texts: Sequence[str], answers: Sequence[str]) -> Trivial | LeftOut:
    """The answer of the training row whose words are nearest; the first one of equals.

    By the cosine of TF-IDF vectors over words and pairs of words (Salton & Buckley, 1988).
    """
    try:
        words, rows_known = _fitted(texts)
    except ValueError as error:
        return LeftOut(first_line(error))

    def answer(rows: Sequence[Row]) -> list[Answer]:
        found: list[Answer] = []
        for start in range(0, len(rows), ROWS):
            asked = words.transform([conversation(row["messages"]) for row in rows[start : start + ROWS]])
            nearest = (asked @ rows_known.T).toarray().argmax(axis=1)
            found += [_answer(answers[place]) for place in nearest]
        return found

    return Trivial(answer, len(pickle.dumps((words, rows_known, list(answers)), protocol=5)))


def _fitted(texts: Sequence[str]) -> tuple[Any, Any]:
    """A vectorizer, of characters where no text has a word, and the texts' vectors."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"sublinear_tf": True, "ngram_range": (1, 2), "dtype": np.float32}
    try:
        words = TfidfVectorizer(token_pattern=r"\w+", **options)  # noqa: S106 - of one letter or digit too
        return words, words.fit_transform(texts)
    except ValueError:  # an empty vocabulary
        words = TfidfVectorizer(analyzer="char", **options)
        return words, words.fit_transform(texts)


def _answer(text: str) -> Answer:
    return {"text": text}
