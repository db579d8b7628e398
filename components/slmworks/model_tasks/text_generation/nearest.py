"""Nearest texts by their words: TF-IDF vectors and the cosine between them (Salton & Buckley, 1988)."""

from collections.abc import Sequence
from typing import Any

ASKED_AT_ONCE = 256
"""Texts that are compared with all known ones at once."""


class NearestTexts:
    """Known texts, found again by words and pairs of words; by characters where none has a word.

    ValueError where the texts have no character either.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Fit the vectors to `texts`."""
        self.words, self.vectors = _fitted(texts)

    def of(self, asked: Sequence[str], count: int = 1) -> list[list[int]]:
        """Places of the `count` nearest known texts for each text, the nearest first; the first of equals."""
        import numpy as np

        found: list[list[int]] = []
        for start in range(0, len(asked), ASKED_AT_ONCE):
            vectors = self.words.transform(asked[start : start + ASKED_AT_ONCE])
            likeness = (vectors @ self.vectors.T).toarray()
            found += np.argsort(-likeness, axis=1, kind="stable")[:, :count].tolist()
        return found


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
