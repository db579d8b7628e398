"""Conversations of the training split that a quantizer of generators calibrates with, and their token ids."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation.task import TextGeneration

if TYPE_CHECKING:
    from slmworks.model_tasks.text_generation.hf import HfGenerator

_TASK = TextGeneration.name


def given(calibration: Dataset | None, *, plugin: str, otherwise: str) -> Dataset:
    """The data of a quantizer that cannot do without; BadRequest for none."""
    if calibration is None:
        raise BadRequest(
            f"{plugin} calibrates with training rows; add `calibration: <the curate step>` to its `from`, or "
            f"use {otherwise}, which needs none."
        )
    return calibration


def calibration_rows(calibration: Dataset, rows: int, seed: int) -> list[Row]:
    """Draw up to `rows` rows of the split `train`; BadRequest for data of another model task, or none."""
    purpose = catalog.canonical(calibration.model_task)
    if purpose != _TASK:
        named = f"are for {purpose}" if purpose else "name no model task"
        raise BadRequest(
            f"the calibration data {named}, and a language model is calibrated with {_TASK}: conversations "
            "and answers, as curate/chat makes them."
        )
    found = calibration.rows("train", "id", *TextGeneration.inputs, *TextGeneration.targets)
    if not found:
        raise BadRequest(
            "the calibration data's split 'train' is empty; give curate a larger share for it, or use a "
            "quantizer that needs none (quantize/gguf, quantize/inc-rtn)."
        )
    return list(random.Random(seed).sample(found, min(rows, len(found))))


def tokens(original: "HfGenerator", rows: Sequence[Row]) -> list[list[int]]:
    """Token ids of each row: the prompt as the model reads it, the answer, and the token that ends it.

    BadRequest names the row that the chat template refuses.
    """
    found = []
    for row in rows:
        try:
            before = original.encode(row)
        except BadRequest as error:
            raise BadRequest(f"the calibration data's split 'train', row '{row['id']}': {error}") from error
        answer = original.chat.ids(str(row["completion"]), around=False)
        found.append([*before, *answer, *original.ends[:1]])
    return found
