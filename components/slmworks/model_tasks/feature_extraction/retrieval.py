"""Retrieval: documents ranked by cosine with a question's embedding, and measures of the ranking."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import Answer, Answering, Row

if TYPE_CHECKING:
    import numpy as np

DEPTH = 10
"""Ranks that are kept and judged."""
SPLITS = ("train", "validation", "test")
BLOCK = 1024
"""Questions that are ranked at once."""


def documents(data: Dataset) -> list[str]:
    """Every document that a row of any split names, sorted."""
    found: set[str] = set()
    for split in SPLITS:
        if split in data.splits:
            found.update(str(one) for one in data.columns(split, "document")[0] if one is not None)
    return sorted(found)


def document_id(document: str) -> str:
    """A document's id: 12 hex digits of its sha256."""
    return hashlib.sha256(document.encode("utf-8", "replace")).hexdigest()[:12]


def rankings(
    answer: Answering, splits: Mapping[str, Sequence[Row]], data: Dataset
) -> dict[str, list[Answer]]:
    """Embed the documents once and the questions of every split, and rank the documents for each question."""
    texts = documents(data)
    corpus = _matrix(answer([{"text": text} for text in texts]))
    return {split: _ranked(_matrix(answer(rows)), corpus, texts) for split, rows in splits.items()}


def ndcg(row: Row, answer: Answer) -> tuple[float, ...]:
    """Discounted gain of the one right document (Järvelin & Kekäläinen, 2002): 1 / log2(1 + rank), or 0."""
    rank = rank_of(row, answer)
    return (1 / math.log2(1 + rank) if rank else 0.0, 1.0)


def recall(row: Row, answer: Answer) -> tuple[float, ...]:
    """1 where the right document is among the ranked."""
    return (float(rank_of(row, answer) > 0), 1.0)


def first(row: Row, answer: Answer) -> tuple[float, ...]:
    """1 where the right document is ranked first."""
    return (float(rank_of(row, answer) == 1), 1.0)


def rank_of(row: Row, answer: Answer) -> int:
    """The rank of the right document, from 1; 0 if it is not among the ranked."""
    wanted = document_id(str(row["document"]))
    return answer["ranked"].index(wanted) + 1 if wanted in answer["ranked"] else 0


def _matrix(answers: Sequence[Answer]) -> "np.ndarray[Any, Any]":
    """Embeddings of answers, float32 [answers, dimensions], each of length 1."""
    import numpy as np

    found = np.array([answer["embedding"] for answer in answers], np.float32)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


def _ranked(
    questions: "np.ndarray[Any, Any]", corpus: "np.ndarray[Any, Any]", texts: Sequence[str]
) -> list[Answer]:
    import numpy as np

    ids, depth = [document_id(text) for text in texts], min(DEPTH, len(texts))
    found: list[Answer] = []
    for start in range(0, len(questions), BLOCK):
        scores = questions[start : start + BLOCK] @ corpus.T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]  # equal scores: by the documents' order
        for places, row in zip(order, scores, strict=True):
            found.append(
                {
                    "ranked": [ids[place] for place in places],
                    "scores": [float(row[place]) for place in places],
                    "first": texts[places[0]][:200],
                    "documents": len(texts),
                }
            )
    return found
