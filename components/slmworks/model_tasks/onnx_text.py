"""Texts through an ONNX file: session, tokenizer and batches, for every runtime that reads `model.onnx`.

Needs numpy, onnxruntime and tokenizers, and nothing else of slmworks: releases and edge bundles carry a copy
of this text in front of their runtime's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Encoding, Tokenizer


class OnnxTexts:
    """`model.onnx` and `tokenizer.json` of a folder, loaded once; computes from any thread."""

    def __init__(self, folder: str | Path, max_length: int, threads: int = 1) -> None:
        """Load the model to compute with `threads` threads; texts are cut at `max_length` tokens."""
        self.tokenizer = open_tokenizer(folder, max_length)
        self._session = open_session(Path(folder) / "model.onnx", threads)
        self._inputs = [port.name for port in self._session.get_inputs()]
        (self._output,) = [port.name for port in self._session.get_outputs()]
        self._width = int(self._session.get_outputs()[0].shape[-1])

    def outputs(self, texts: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Compute all texts as one batch; returns float32 [texts, width]."""
        return self.outputs_truncated(texts)[0]

    def outputs_truncated(self, texts: Sequence[str]) -> "tuple[np.ndarray[Any, Any], list[bool]]":
        """The same, and for each text whether it was cut."""
        import numpy as np

        if not len(texts):
            return np.zeros((0, self._width), np.float32), []
        encoded = encodings(self.tokenizer, texts)
        batch = graph_inputs(encoded)
        (found,) = self._session.run([self._output], {name: batch[name] for name in self._inputs})
        return np.asarray(found, np.float32), [bool(row.overflowing) for row in encoded]


def open_session(path: Path, threads: int) -> Any:
    """Open an onnxruntime session on the CPU that keeps to `threads` threads and burns none while waiting."""
    import onnxruntime as ort

    return ort.InferenceSession(path, _options(threads), providers=["CPUExecutionProvider"])


def _options(threads: int) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def open_tokenizer(folder: str | Path, max_length: int) -> "Tokenizer":
    """Load `tokenizer.json`, set to cut at `max_length` and to pad to the longest text of a batch.

    The folder's own padding token is kept (RoBERTa derives positions from it), its padding length is not.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
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
    return graph_inputs(encodings(tokenizer, texts))


def encodings(tokenizer: "Tokenizer", texts: Sequence[str]) -> "list[Encoding]":
    """Tokenise a batch: cut, and padded to its longest text."""
    if isinstance(texts, str):
        raise TypeError("one text was given where a list of texts is expected: write [text]")
    return list(tokenizer.encode_batch([_well_formed(text) for text in texts]))


def graph_inputs(encoded: "Sequence[Encoding]") -> dict[str, "np.ndarray[Any, Any]"]:
    """A batch as a graph takes it: `input_ids`, `attention_mask`, `token_type_ids`, int64 [texts, tokens]."""
    import numpy as np

    return {
        "input_ids": np.array([row.ids for row in encoded], np.int64),
        "attention_mask": np.array([row.attention_mask for row in encoded], np.int64),
        "token_type_ids": np.array([row.type_ids for row in encoded], np.int64),
    }


def _well_formed(text: str) -> str:
    # JSON can carry half of a surrogate pair, which the tokenizer refuses for the whole batch.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
