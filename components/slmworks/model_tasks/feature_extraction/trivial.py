"""Retrieval by words: TF-IDF vectors. A language model must beat it."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.model_task import Answer, Row, Trivial
from slmworks.model_tasks.feature_extraction.retrieval import documents

WORDS = "tf-idf"
FEATURES = 4096
"""Words and pairs that are kept: the most frequent ones."""


def fit(data: Dataset) -> Mapping[str, Trivial]:
    """TF-IDF over words and pairs of words (Salton & Buckley, 1988), fitted to texts and documents."""
    import pickle

    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    (texts,) = data.columns("train", "text")
    words = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), max_features=FEATURES, dtype=np.float32)
    words.fit([*texts, *documents(data)])

    def answer(rows: Sequence[Row]) -> list[Answer]:
        found: Any = words.transform([str(row["text"]) for row in rows]).toarray()
        return [{"embedding": row} for row in found]

    return {WORDS: Trivial(answer, len(pickle.dumps(words, protocol=5)))}
