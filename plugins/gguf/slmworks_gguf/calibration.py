"""Conversations that a quantizer calibrates with as token ids, by the template of a GGUF file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest
from slmworks.contract.model_task import Row
from slmworks.model_tasks.text_generation import prompt

if TYPE_CHECKING:
    from slmworks_gguf.gguf_file import GgufFile
    from slmworks_gguf.llama_cpp import LlamaCpp


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
