"""An extractive reader in an ONNX folder: `model.onnx`, `tokenizer.json`, `reader.json`.

This file, `reader`, `word_windows` and `onnx_text` stand alone: they need numpy, onnxruntime and tokenizers,
and nothing else of slmworks. Every Release carries a copy.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from slmworks.model_tasks.question_answering.reader import Pairs, answers
from slmworks.model_tasks.word_windows import OnnxWindows


class OnnxReader:
    """Loads the folder once; answers from any thread."""

    packages: ClassVar = ("numpy", "onnxruntime", "tokenizers")
    stands_alone: ClassVar = True

    max_length: int
    """Tokens of a window, question and special tokens included; a longer context is read in several."""
    unanswerable: bool
    """It may answer that there is no answer."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads."""
        about = json.loads((Path(folder) / "reader.json").read_text(encoding="utf-8"))
        self.max_length, self.unanswerable = int(about["max_length"]), bool(about["unanswerable"])
        self._windows = OnnxWindows(folder, self.max_length, threads, pairs=True)
        self._pairs = Pairs(self._windows.tokenizer, self.max_length)

    @classmethod
    def open(cls, model: Any, *, threads: int) -> "OnnxReader":
        """Load a Model artifact."""
        return cls(model.path, threads)

    def answer(self, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Answer `{"answer", "start", "end", "score"}` for each row of one batch."""
        encoded = self._pairs.encode(rows) if rows else []
        return answers(rows, encoded, self._windows.compute, unanswerable=self.unanswerable)
