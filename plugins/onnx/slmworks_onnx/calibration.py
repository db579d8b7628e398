"""The texts that a static quantizer measures activations with: some of the training split, drawn by seed."""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, PositiveInt

from slmworks.contract.artifact import Dataset
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.stage import Task

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer

    from slmworks.contract.runtime import Classifier


class Calibration(Documented):
    """Options of a quantizer that fixes its scales on training texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: PositiveInt = 256
    """Training texts to calibrate with, drawn at random (by the task's seed)."""
    batch_size: PositiveInt = 16
    """Texts that are calibrated together."""
    embeddings: bool = True
    """Store the embedding tables in 8 bits too: most of a small model's bytes are there."""


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
    from slmworks.model_tasks.text_classification.onnx import encode

    for start in range(0, len(texts), batch_size):
        task.progress(start, len(texts), note="calibrate")
        yield encode(tokenizer, texts[start : start + batch_size])
    task.progress(len(texts), len(texts), note="convert")


def kept_labels(
    original: "Classifier", quantized: "Classifier", texts: list[str], *, least: float, otherwise: str
) -> float:
    """Share of the calibration texts that keep their label; TaskFailed, with a way out, below `least`."""
    from slmworks.contract.runtime import Runtime

    wanted, found = (Runtime(one).predict(texts).argmax(axis=1) for one in (original, quantized))
    share = float((found == wanted).mean())
    if share < least:
        raise TaskFailed(
            f"quantize: only {share:.1%} of the {len(texts)} calibration texts keep their label in "
            f"int8, less than `agreement` ({least:.0%}); {otherwise}, or use onnx-dynamic."
        )
    return round(share, 4)
