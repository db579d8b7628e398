"""A tagger in an ONNX folder: `model.onnx`, `tokenizer.json`, `tags.json`.

This file, `tags`, `word_windows` and `onnx_text` stand alone: they need numpy, onnxruntime and tokenizers,
and nothing else of slmworks. Every Release carries a copy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.model_tasks.token_classification.tags import tagged, tags_of
from slmworks.model_tasks.word_windows import OnnxWindows, Read, at_words, read, softmax

if TYPE_CHECKING:
    import numpy as np


class OnnxTagger:
    """Loads the folder once; answers from any thread."""

    packages: ClassVar = ("numpy", "onnxruntime", "tokenizers")
    stands_alone: ClassVar = True

    labels: list[str]
    """The labels of entities."""
    max_length: int
    """Tokens of a window, special tokens included; a longer text is read in several."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads."""
        about = json.loads((Path(folder) / "tags.json").read_text(encoding="utf-8"))
        self.labels = list(about["labels"])
        self.max_length = int(about["max_length"])
        self._windows = OnnxWindows(folder, self.max_length, threads)

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "OnnxTagger":
        """Load a Model artifact."""
        return cls(model.path, threads)

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"entities": [{"start", "end", "label", "score", "text"}]}` for each row of one batch."""
        texts = [row["text"] for row in rows]
        found = read(self._windows.tokenizer, texts, self._windows.compute) if texts else []
        return answers(texts, found, self.labels)


def answers(texts: Sequence[str], found: Sequence[Read], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Turn what was computed for texts into answers."""
    tags = tags_of(labels)
    return [
        {"entities": _entities(text, one, softmax(at_words(one)), tags)}
        for text, one in zip(texts, found, strict=True)
    ]


def _entities(
    text: str, one: Read, probabilities: "np.ndarray[Any, Any]", tags: Sequence[str]
) -> list[dict[str, Any]]:
    """Entities from the probabilities [words, tags] of a text's words; a score is the mean of its words'."""
    if not one.words:
        return []
    best = probabilities.argmax(axis=1)
    sure = probabilities[range(len(best)), best].tolist()
    found = []
    for label, first, last in tagged(one.words, one.places, best.tolist(), tags):
        start, end = one.words[first][0], one.words[last][1]
        own = [sure[word] for word in range(first, last + 1) if one.places[word] is not None]
        score = sum(own) / len(own)
        found.append({"start": start, "end": end, "label": label, "score": score, "text": text[start:end]})
    return found
