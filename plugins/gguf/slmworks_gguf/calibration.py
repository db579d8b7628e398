"""Calibration of a quantizer by conversations of the training split, as the model reads and answers them."""

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmworks.contract import catalog
from slmworks.contract.artifact import Dataset
from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation import prompt
from slmworks.model_tasks.text_generation.task import TextGeneration

if TYPE_CHECKING:
    from slmworks_gguf.gguf_file import GgufFile
    from slmworks_gguf.llama_cpp import LlamaCpp

_TASK = TextGeneration.name


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
            "the calibration data's split 'train' is empty; give curate a larger share for it, or leave "
            "`calibration` out."
        )
    return list(random.Random(seed).sample(found, min(rows, len(found))))


def tokens(file: "GgufFile", llama: "LlamaCpp", rows: Sequence[Row], most: int) -> list[list[int]]:
    """Token ids of each row, prompt, answer and its end, as the model's own template has them.

    The last `most` tokens of a longer one: its answer stands there. Rows without a token are left out.
    BadRequest names the row that the template refuses.
    """
    from slmworks_gguf import gguf_metadata

    templates, end = gguf_metadata.chat(file), gguf_metadata.ends(file)[:1]
    found = []
    for row in rows:
        try:
            text, templated = prompt.prompt(row, *templates)
        except BadRequest as error:
            raise BadRequest(f"the calibration data's split 'train', row '{row['id']}': {error}") from error
        before = llama.encode(text, around=not templated) if text else []
        answer = llama.encode(str(row["completion"]), around=False)
        found.append([*before, *answer, *end][-most:])
    return [ids for ids in found if ids]
