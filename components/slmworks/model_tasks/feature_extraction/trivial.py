"""Retrieval by words: TF-IDF vectors. A language model must beat it."""

from collections.abc import Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import first_line
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial
from slmworks.model_tasks.feature_extraction.retrieval import documents

WORDS = "tf-idf"
FEATURES = 4096
"""Words and pairs that are kept: the most frequent ones."""


def fit(data: Dataset) -> Mapping[str, Trivial | LeftOut]:
    """TF-IDF over words and pairs of words (Salton & Buckley, 1988), fitted to texts and documents."""
    import pickle

    (texts,) = data.columns("train", "text")
    try:
        words = _fitted([*texts, *documents(data)])
    except ValueError as error:
        return {WORDS: LeftOut(first_line(error))}

    def answer(rows: Sequence[Row]) -> list[Answer]:
        found: Any = words.transform([str(row["text"]) for row in rows]).toarray()
        return [{"embedding": row} for row in found]

    return {WORDS: Trivial(answer, len(pickle.dumps(words, protocol=5)))}


def _fitted(texts: Sequence[str]) -> Any:
    """A vectorizer of words, or of characters where no text has a word of two letters."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    options = {"sublinear_tf": True, "ngram_range": (1, 2), "max_features": FEATURES, "dtype": np.float32}
    try:
        return TfidfVectorizer(**options).fit(texts)
    except ValueError:  # an empty vocabulary
        return TfidfVectorizer(analyzer="char", **options).fit(texts)
