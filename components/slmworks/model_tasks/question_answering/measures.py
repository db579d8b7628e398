"""Exact match and F1 of an answer, as the script of SQuAD counts them (Rajpurkar et al., 2016 and 2018)."""

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.model_task import Answer, Row

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


def plain(text: str) -> str:
    """The text in lower case, without ASCII's punctuation and English articles, one blank between words."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact(row: Row, answer: Answer) -> tuple[float, ...]:
    """1 where the answer is one of the right ones."""
    return (float(any(plain(text) == plain(answer["answer"]) for text in right(row))), 1.0)


def f1(row: Row, answer: Answer) -> tuple[float, ...]:
    """The best F1 of the answer's words with those of a right answer."""
    return (max(overlap(text, answer["answer"]) for text in right(row)), 1.0)


def right(row: Row) -> list[str]:
    """The right answers; an empty one where there is none."""
    return [str(one["text"]) for one in row["answers"] or ()] or [""]


def overlap(wanted: str, said: str) -> float:
    """F1 of two texts as bags of words; where one is empty, 1 if both are."""
    ours, theirs = plain(said).split(), plain(wanted).split()
    if not ours or not theirs:
        return float(ours == theirs)
    both = (Counter(ours) & Counter(theirs)).total()
    return 2 * both / (len(ours) + len(theirs)) if both else 0.0


def outcomes(rows: Sequence[Row], answers: Sequence[Answer]) -> dict[str, int]:
    """Answers by kind: right, partly right, another part of the context, none, one where there is none."""
    found = dict.fromkeys(("right", "part", "elsewhere", "silent", "invented"), 0)
    for row, answer in zip(rows, answers, strict=True):
        found[_outcome(row, answer)] += 1
    return found


def _outcome(row: Row, answer: Mapping[str, Any]) -> str:
    if exact(row, answer)[0]:
        return "right"
    if not row["answers"]:
        return "invented"
    if not answer["answer"]:
        return "silent"
    return "part" if f1(row, answer)[0] else "elsewhere"
