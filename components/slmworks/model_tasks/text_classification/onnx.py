"""A text classifier in an ONNX folder: `model.onnx`, `tokenizer.json`, `labels.json`.

This file, `onnx_text` and `scope` stand alone: they need numpy, onnxruntime and tokenizers, and nothing else
of slmworks. Every Release carries a copy, so that a model can still be loaded when slmworks itself is not
installed. It is deliberately not a server and knows no HTTP, no registry and no digests.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.model_tasks.onnx_text import OnnxTexts
from slmworks.model_tasks.text_classification.scope import scope_scores

if TYPE_CHECKING:
    import numpy as np


class OnnxClassifier:
    """Loads the folder once; answers from any thread."""

    packages: ClassVar = ("numpy", "onnxruntime", "tokenizers")
    stands_alone: ClassVar = True

    labels: list[str]
    """The labels, in the order of the logits."""
    max_length: int
    """Tokens after which a text is cut, special tokens included."""
    scope: Mapping[str, Any] | None
    """`score`, `threshold` and `temperature` of a model that knows its scope."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads."""
        about = json.loads((Path(folder) / "labels.json").read_text(encoding="utf-8"))
        self.labels = list(about["labels"])
        self.max_length = int(about["max_length"])
        self.scope = about.get("scope")
        self._texts = OnnxTexts(folder, self.max_length, threads)

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "OnnxClassifier":
        """Load a Model artifact."""
        return cls(model.path, threads)

    def outputs(self, rows: Sequence[Mapping[str, Any]]) -> "np.ndarray[Any, Any]":
        """The logits of one batch, float32 [rows, labels]."""
        return self._texts.outputs([row["text"] for row in rows])

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"label", "score", "scores": {label: probability}}` for each row of one batch.

        Of a model that knows its scope also `in_scope` and `scope_score`.
        """
        return self.answer_truncated(rows)[0]

    def answer_truncated(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[bool]]:
        """The same, and for each row whether its text was cut."""
        logits, cut = self._texts.outputs_truncated([row["text"] for row in rows])
        return answers(logits, self.labels, self.scope), cut


def answers(
    logits: "np.ndarray[Any, Any]", labels: Sequence[str], scope: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Turn logits [rows, labels] into answers: the best label, its probability, and all of them.

    With a `scope` also whether the text is in it; its temperature holds for the probabilities too.
    """
    temperature = float(scope["temperature"]) if scope else 1.0
    found: list[dict[str, Any]] = []
    for row in softmax(logits if temperature == 1.0 else logits / temperature):
        best = int(row.argmax())
        scores = dict(zip(labels, row.tolist(), strict=True))
        found.append({"label": labels[best], "score": float(row[best]), "scores": scores})
    if scope:
        sure = scope_scores(logits, str(scope["score"]), temperature).tolist()
        for answer, score in zip(found, sure, strict=True):
            answer |= {"in_scope": score >= float(scope["threshold"]), "scope_score": score}
    return found


def softmax(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Turn logits [rows, labels] into probabilities, without overflow for large logits."""
    import numpy as np

    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))
