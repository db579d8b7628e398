"""Passages' embeddings in 8 bits, all of which are compared with a question's: no approximate index.

onnxruntime multiplies 8-bit integers with the processor's own instructions for it, and reads a quarter of the
bytes that float32 takes: 100,000 vectors of 384 numbers take it about a millisecond on one core. Questions
are kept to 7 bits, since processors without VNNI would overflow pairs of longer products.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.model_tasks.onnx_text import open_session

if TYPE_CHECKING:
    import numpy as np

VECTORS = "vectors.onnx"
"""A graph of one product; its weights, int8 [dimensions, passages], lie in `vectors.bin` beside it."""
SCALES = "scales.npy"
"""What each vector's integers are multiplied with, float32 [passages]."""
QUESTION_ZERO = 64
"""The question's number that means 0; it has numbers from 1 to 127."""


class Int8Vectors:
    """Embeddings of passages."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Load the vectors to search them with `threads` threads."""
        import numpy as np

        self._session = open_session(folder / VECTORS, threads)
        self._scales = np.load(folder / SCALES)
        self.dimensions = int(self._session.get_inputs()[0].shape[1])
        """Numbers of a vector."""

    def cosines(self, question: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """Cosine of a question's embedding (float32 [dimensions]) with each passage's, float32 [passages]."""
        import numpy as np

        length = float(np.linalg.norm(question)) or 1.0
        step = float(np.abs(question).max()) / (QUESTION_ZERO - 1) or 1.0
        asked = (np.rint(question / step) + QUESTION_ZERO).astype(np.uint8)
        (products,) = self._session.run(None, {"question": asked[None]})
        return np.asarray(products[0] * (self._scales * np.float32(step / length)))
