"""A classifier in an ONNX folder: `model.onnx`, `tokenizer.json`, `labels.json`.

This file stands alone: it needs numpy, onnxruntime and tokenizers, and nothing else of slmworks. Every
Release carries a copy of it, so that a model can still be loaded when slmworks itself is not installed.
It is deliberately not a server and knows no HTTP, no registry and no digests.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

BATCH_SIZE = 32
"""Rows that are computed together when the caller doesn't say."""


class OnnxClassifier:
    """Loads the folder once; answers from any thread."""

    labels: list[str]
    """The labels, in the order of the logits."""
    max_length: int
    """Tokens after which a text is cut, special tokens included."""

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads."""
        folder = Path(folder)
        about = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.labels = list(about["labels"])
        self.max_length = int(about["max_length"])
        self._tokenizer = open_tokenizer(folder, self.max_length)
        self._session = open_session(folder / "model.onnx", threads)
        self._inputs = [port.name for port in self._session.get_inputs()]

    def logits(self, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Compute all texts as one batch; returns float32 [texts, labels]."""
        import numpy as np

        if not len(texts):
            return np.zeros((0, len(self.labels)), np.float32)
        batch = encode(self._tokenizer, texts)
        (found,) = self._session.run(["logits"], {name: batch[name] for name in self._inputs})
        return np.asarray(found, np.float32)

    def classify(self, texts: Sequence[str], batch_size: int = BATCH_SIZE) -> list[dict[str, Any]]:
        """Answer `{"label", "score", "scores": {label: probability}}` for each text, in order."""
        answers = []
        for row in softmax(in_batches(self.logits, texts, batch_size, len(self.labels))):
            best = int(row.argmax())
            scores = {label: float(score) for label, score in zip(self.labels, row, strict=True)}
            answers.append({"label": self.labels[best], "score": float(row[best]), "scores": scores})
        return answers


def open_session(path: Path, threads: int) -> Any:
    """Open an onnxruntime session on the CPU that keeps to `threads` threads and burns none while waiting."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_tokenizer(folder: Path, max_length: int) -> "Tokenizer":
    """Load `tokenizer.json`, set to cut at `max_length` and to pad to the longest text of a batch.

    The folder's own padding token is kept (RoBERTa derives positions from it), its padding length is not.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    own = tokenizer.padding or {}
    known = next((word for word in ("[PAD]", "<pad>") if tokenizer.token_to_id(word) is not None), None)
    token = own.get("pad_token") or known or "[PAD]"
    tokenizer.enable_truncation(max_length)
    tokenizer.enable_padding(
        pad_id=own.get("pad_id", tokenizer.token_to_id(token) or 0),
        pad_type_id=own.get("pad_type_id", 0),
        pad_token=token,
    )
    return tokenizer


def encode(tokenizer: "Tokenizer", texts: Sequence[str]) -> dict[str, "np.ndarray[Any, Any]"]:
    """Tokenise a batch: `input_ids`, `attention_mask`, `token_type_ids`, each int64 [texts, tokens]."""
    import numpy as np

    if isinstance(texts, str):
        raise TypeError("one text was given where a list of texts is expected: write [text]")
    found = tokenizer.encode_batch([_well_formed(text) for text in texts])
    return {
        "input_ids": np.array([row.ids for row in found], np.int64),
        "attention_mask": np.array([row.attention_mask for row in found], np.int64),
        "token_type_ids": np.array([row.type_ids for row in found], np.int64),
    }


def in_batches(
    logits: Callable[[Sequence[str]], "np.ndarray[Any, Any]"],
    texts: Sequence[str],
    batch_size: int,
    width: int,
) -> "np.ndarray[Any, Any]":
    """Call `logits` on batches of texts of similar length; returns float32 [texts, width] in given order."""
    import numpy as np

    found = np.zeros((len(texts), width), np.float32)
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        found[rows] = logits([texts[row] for row in rows])
    return found


def softmax(logits: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Turn logits [rows, labels] into probabilities, without overflow for large logits."""
    import numpy as np

    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def _well_formed(text: str) -> str:
    # JSON can carry half of a surrogate pair, which the tokenizer refuses for the whole batch.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
