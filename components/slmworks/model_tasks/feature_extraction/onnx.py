"""Sentence embeddings from an ONNX folder: `model.onnx`, `tokenizer.json`, `embedding.json`.

Pooling and normalisation are part of the graph, so an encoder and a table of static embeddings are served
alike. This file and `onnx_text` stand alone (numpy, onnxruntime, tokenizers); every Release carries a copy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from slmworks.model_tasks.onnx_text import OnnxTexts

if TYPE_CHECKING:
    import numpy as np


class OnnxEmbedder:
    """Loads the folder once; answers from any thread."""

    packages: ClassVar = ("numpy", "onnxruntime", "tokenizers")
    stands_alone: ClassVar = True

    max_length: int
    """Tokens after which a text is cut, special tokens included."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads."""
        about = json.loads((Path(folder) / "embedding.json").read_text(encoding="utf-8"))
        self.max_length = int(about["max_length"])
        self._texts = OnnxTexts(folder, self.max_length, threads)

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "OnnxEmbedder":
        """Load a Model artifact."""
        return cls(model.path, threads)

    def outputs(self, rows: Sequence[Mapping[str, Any]]) -> "np.ndarray[Any, Any]":
        """The embeddings of one batch, float32 [rows, dimensions], each of length 1."""
        return self._texts.outputs([row["text"] for row in rows])

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"embedding": [numbers]}` for each row of one batch."""
        return self.answer_truncated(rows)[0]

    def answer_truncated(self, rows: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[bool]]:
        """The same, and for each row whether its text was cut."""
        embeddings, cut = self._texts.outputs_truncated([row["text"] for row in rows])
        return answers(embeddings), cut


def answers(embeddings: "np.ndarray[Any, Any]") -> list[dict[str, Any]]:
    """Turn embeddings [rows, dimensions] into answers, numbers to 6 decimals."""
    import numpy as np

    return [{"embedding": row} for row in np.round(embeddings.astype(np.float64), 6).tolist()]
