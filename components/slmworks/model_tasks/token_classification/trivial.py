"""Free baselines: the most frequent tag of each word, and a linear model on words and their neighbours."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import first_line
from slmworks.contract.model_task import Answer, LeftOut, Row, Trivial
from slmworks.model_tasks.token_classification.tags import OUTSIDE, runs_of, word_tags
from slmworks.model_tasks.word_windows import Span, words_of

FREQUENT = "most frequent tag"
LINEAR = "linear tagger"
MOST = 200_000
"""Words that the linear tagger is fitted to, at most: some ten seconds."""

Sentence = Sequence[str]


def fit(data: Dataset, *, seed: int) -> Mapping[str, Trivial | LeftOut]:
    """Both baselines, fitted to the training rows."""
    sentences = [
        _sentence(text, entities)
        for text, entities in zip(*data.columns("train", "text", "entities"), strict=True)
    ]
    frequent = MostFrequentTag(sentences)
    return {LINEAR: _linear(sentences, seed), FREQUENT: _trivial(frequent)}


class MostFrequentTag:
    """The tag that a word has most often in the training data; a word that isn't there is outside."""

    def __init__(self, sentences: Sequence[tuple[Sentence, Sentence]]) -> None:
        """Count the tags of each word."""
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for words, tags in sentences:
            for word, tag in zip(words, tags, strict=True):
                counts[word][tag] += 1
        best = {word: max(sorted(tags), key=tags.__getitem__) for word, tags in counts.items()}
        self.tags = {word: tag for word, tag in best.items() if tag != OUTSIDE}

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """The tags of sentences."""
        return [[self.tags.get(word, OUTSIDE) for word in words] for words in sentences]


class LinearTagger:
    """A linear SVM a tag over a word, its beginning, end and shape, and the two words on each side.

    The features of Ratnaparkhi (1996), without the tags before; each word is judged by itself.
    """

    def __init__(self, sentences: Sequence[tuple[Sentence, Sentence]], *, seed: int) -> None:
        """Fit in about 10 s on 70,000 words. ValueError where all words have one tag."""
        from sklearn.feature_extraction import FeatureHasher
        from sklearn.svm import LinearSVC

        self.hasher = FeatureHasher(n_features=1 << 18, input_type="string", alternate_sign=False)
        features: list[list[str]] = []
        wanted: list[str] = []
        for words, tags in sentences:
            features += list(_features(words))
            wanted += tags
            if len(wanted) >= MOST:
                break
        self.linear = LinearSVC(C=0.3, tol=1e-2, random_state=seed)
        self.linear.fit(self.hasher.transform(features), wanted)

    def tag(self, sentences: Sequence[Sentence]) -> list[list[str]]:
        """The tags of sentences."""
        features = [one for words in sentences for one in _features(words)]
        if not features:
            return [[] for _ in sentences]
        flat = iter(map(str, self.linear.predict(self.hasher.transform(features))))
        return [[next(flat) for _ in words] for words in sentences]


def _linear(sentences: Sequence[tuple[Sentence, Sentence]], seed: int) -> Trivial | LeftOut:
    try:
        return _trivial(LinearTagger(sentences, seed=seed))
    except ValueError as error:
        return LeftOut(first_line(error))


def _trivial(tagger: MostFrequentTag | LinearTagger) -> Trivial:
    import pickle

    def answer(rows: Sequence[Row]) -> list[Answer]:
        spans = [words_of(row["text"]) for row in rows]
        words = [[row["text"][start:end] for start, end in one] for row, one in zip(rows, spans, strict=True)]
        return [
            {"entities": _entities(row["text"], one, tags)}
            for row, one, tags in zip(rows, spans, tagger.tag(words), strict=True)
        ]

    return Trivial(answer, len(pickle.dumps(tagger, protocol=5)))


def _entities(text: str, words: Sequence[Span], tags: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for label, first, last in runs_of(tags):
        start, end = words[first][0], words[last][1]
        found.append({"start": start, "end": end, "label": label, "text": text[start:end]})
    return found


def _sentence(text: str, entities: Sequence[Mapping[str, Any]]) -> tuple[Sentence, Sentence]:
    spans = words_of(text)
    return [text[start:end] for start, end in spans], word_tags(spans, entities)


def _features(words: Sentence) -> Iterator[list[str]]:
    """Of each word: itself, its beginning and end, its shape, and its neighbours."""
    lower = ["", "", *(word.lower() for word in words), "", ""]
    for place, word in enumerate(words):
        own = lower[place + 2]
        shape = "".join(
            "X" if one.isupper() else "x" if one.isalpha() else "9" if one.isdigit() else one for one in word
        )
        yield [
            f"w={own}", f"s={shape}", f"n={min(len(word), 8)}",
            f"p={own[:3]}", f"e={own[-3:]}", f"q={own[-2:]}",
            *(f"{offset}={lower[place + 2 + offset]}" for offset in (-2, -1, 1, 2)),
            f"b={lower[place + 1]} {own}", f"a={own} {lower[place + 3]}",
        ]  # fmt: skip
