"""Embeddings of texts, computed by a model of the user's and kept on disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from slmworks.contract.documented import Documented
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Outputs, Runtime, in_batches

BATCH = 32
"""Texts that the model reads together."""


class Embedding(Documented):
    """What embeddings depend on, beside the model and the code that asks it."""

    depends_on: ClassVar[tuple[str, ...]] = (
        "numpy",
        "onnxruntime",
        "scipy",
        "tokenizers",
        "torch",
        "transformers",
    )


class Embeddings:
    """A file of vectors of length 1, float32; memory doesn't grow with it."""

    def __init__(self, runtime: Runtime, path: Path) -> None:
        self.runtime, self.path = runtime, path
        self.size = 0
        self.width = 0
        path.touch()

    def extend(self, texts: Sequence[str]) -> None:
        """Add the vectors of texts; they are numbered from 0 in the order in which they come."""
        import numpy as np

        if not texts:
            return
        found = np.asarray(in_batches(self._of, [{"text": text} for text in texts], BATCH), "float32")
        found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        with self.path.open("ab") as file:
            file.write(found.tobytes())
        self.size += len(found)
        self.width = found.shape[1]

    def _of(self, rows: Sequence[Row]) -> list[Any]:
        if isinstance(self.runtime, Outputs):
            return list(self.runtime.outputs(rows))
        return [answer["embedding"] for answer in self.runtime.answer(rows)]

    def matrix(self) -> Any:
        """All vectors, float32 [texts, width], read from the file as they are used."""
        import numpy as np

        if not self.size:
            return np.empty((0, 0), "float32")
        return np.memmap(self.path, "float32", "r", shape=(self.size, self.width))
