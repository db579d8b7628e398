"""The texts that a static quantizer measures activations with: some of the training split, drawn by seed."""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from slmworks.artifact import Dataset
from slmworks.errors import BadRequest
from slmworks.stage import Task

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer


def calibration_texts(calibration: Dataset | None, rows: int, seed: int, *, plugin: str) -> list[str]:
    """Draw up to `rows` texts of the split `train`; BadRequest in the name of `plugin` if it has none."""
    if calibration is None:
        raise BadRequest(
            f"{plugin} needs training texts to calibrate with; add `calibration: <the curate step>` "
            "to its `from`, or use onnx-dynamic, which needs none."
        )
    (texts,) = calibration.columns("train", "text")
    if not texts:
        raise BadRequest(f"the calibration data's split 'train' is empty; {plugin} needs some texts.")
    return random.Random(seed).sample(texts, min(rows, len(texts)))


def encoded_batches(
    tokenizer: "Tokenizer", texts: Sequence[str], batch_size: int, task: Task
) -> Iterator[dict[str, "np.ndarray[Any, Any]"]]:
    """Tokenise the texts batch by batch and say how far calibration is."""
    from slmworks.runtimes.onnx_classifier import encode

    for start in range(0, len(texts), batch_size):
        task.progress(start, len(texts), note="calibrate")
        yield encode(tokenizer, texts[start : start + batch_size])
    task.progress(len(texts), len(texts), note="convert")
