"""Calibration of a static quantizer: texts of the training split, drawn by seed, and agreement on them."""

import random
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, PositiveInt

from slmworks.contract.artifact import Dataset
from slmworks.contract.documented import Documented
from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.model_task import ModelTask, Row, only_text
from slmworks.contract.runtime import Runtime, answer_all
from slmworks.contract.stage import Task

if TYPE_CHECKING:
    import numpy as np
    from tokenizers import Tokenizer


GENERATION = "text-generation"
"""The model task that no static quantizer is for."""


class Calibration(Documented):
    """Options of a quantizer that fixes its scales on training texts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: PositiveInt = 256
    """Training texts to calibrate with, drawn at random (by the task's seed)."""
    batch_size: PositiveInt = 16
    """Texts that are calibrated together."""
    embeddings: bool = True
    """Store the embedding tables in 8 bits too: most of a small model's bytes are there."""


def calibration_rows(
    calibration: Dataset | None, purpose: ModelTask, rows: int, seed: int, *, plugin: str
) -> list[Row]:
    """Draw up to `rows` rows of the split `train`, with the model task's one input, a text.

    BadRequest in the name of `plugin` for another input, or where there is no data or no row.
    """
    if purpose.name == GENERATION:
        raise BadRequest(
            f"{plugin} makes int8 of models that read one text and answer at once, and {purpose.name} writes "
            "token by token; use quantize/gguf, or slmworks-inc's inc-gptq, inc-awq, inc-rtn, inc-autoround."
        )
    if calibration is None:
        raise BadRequest(
            f"{plugin} needs training texts to calibrate with; add `calibration: <the curate step>` "
            "to its `from`, or use onnx-dynamic, which needs none."
        )
    column = only_text(purpose)
    if not column:
        raise BadRequest(
            f"{plugin} calibrates with one text a row, and {purpose.name} reads "
            f"{', '.join(purpose.inputs)}; use onnx-dynamic, which needs no texts."
        )
    found = calibration.rows("train", column)
    if not found:
        raise BadRequest(f"the calibration data's split 'train' is empty; {plugin} needs some texts.")
    return list(random.Random(seed).sample(found, min(rows, len(found))))


def encoded_batches(
    tokenizer: "Tokenizer", rows: Sequence[Row], batch_size: int, task: Task
) -> Iterator[dict[str, "np.ndarray[Any, Any]"]]:
    """Tokenise rows of one text each batch by batch, and report the progress of calibration."""
    from slmworks.model_tasks.onnx_text import encode

    texts = [text for row in rows for text in row.values()]
    for start in range(0, len(texts), batch_size):
        task.progress(start, len(texts), note="calibrate")
        yield encode(tokenizer, texts[start : start + batch_size])
    task.progress(len(texts), len(texts), note="convert")


def mean_agreement(
    purpose: ModelTask,
    original: Runtime,
    quantized: Runtime,
    rows: Sequence[Row],
    *,
    least: float,
    otherwise: str,
) -> float:
    """Mean agreement, 0 to 1, of two models' answers; TaskFailed, with a way out, below `least`."""
    each = [
        purpose.agreement(wanted, found)
        for wanted, found in zip(answer_all(original, rows), answer_all(quantized, rows), strict=True)
    ]
    share = fmean(each)
    if not share >= least:  # so that a NaN fails too
        texts = f"the {len(each)} calibration texts"
        problem = f"answers to {texts} agree with the original's by only {share:.1%} in int8"
        if set(each) <= {0.0, 1.0}:
            problem = f"only {share:.1%} of {texts} keep their {purpose.noun} in int8"
        raise TaskFailed(
            f"quantize: {problem}, less than `agreement` ({least:.0%}); {otherwise}, or use onnx-dynamic."
        )
    return round(share, 4)
