"""Answers that a JSON Schema constrains, token by token, by llguidance inside llama.cpp.

This file stands alone, as `llama_server` does: releases carry a copy.
"""

import json
from collections.abc import Mapping
from typing import Any

from slmworks.contract.errors import BadRequest
from slmworks_gguf.llama_server import LlamaRefused, LlamaServer

COMPACT = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
"""llguidance: JSON as `json.dumps` writes it. In any layout a model may write blanks to the end."""
NO_BEGINNING = "]"
"""No JSON begins with it."""
FORCED = 1000.0
"""A bias that no logit comes near."""
KEPT = 256
"""JSON Schemas of which it is kept whether they can be followed."""


class Grammars:
    """The JSON Schemas that a file's server was asked to follow, the latest of them; each one is tried once.

    llama.cpp answers as if there were none, without a word, where a schema says something that its grammars
    don't know.
    """

    def __init__(self) -> None:
        self._refused: dict[str, str] = {}
        """Schema -> why it can't be followed; empty for one that can."""

    def fields(self, schema: Mapping[str, Any] | None, llama: LlamaServer) -> dict[str, Any]:
        """llama.cpp's fields for an answer that follows a schema; none for None.

        BadRequest for a schema that it can't follow.
        """
        if schema is None:
            return {}
        wanted = {**schema, "x-guidance": COMPACT}
        text = json.dumps(wanted, ensure_ascii=False)
        if text not in self._refused:
            while len(self._refused) >= KEPT:
                self._refused.pop(next(iter(self._refused)), None)
            self._refused[text] = _refusal(wanted, llama)
        if why := self._refused[text]:
            raise BadRequest(
                f"the JSON Schema can't constrain an answer: {why}; write it with type, properties, "
                "required, items, enum and the like (no `not`, `if`, `contains`, `uniqueItems`, `$ref` to "
                "elsewhere)."
            )
        return {"json_schema": wanted}


def _refusal(schema: Mapping[str, Any], llama: LlamaServer) -> str:
    """The reason that llama.cpp can't follow a schema for; empty if it can.

    It is asked for one token, with a bias to one that no JSON begins with: it comes if nothing is enforced.
    """
    first, *_ = llama.tokenize(NO_BEGINNING, around=False)
    asked = {"max_tokens": 1, "temperature": 0.0, "logit_bias": [[first, FORCED]], "cache_prompt": False}
    try:
        (said,) = llama.complete([first], {**asked, "json_schema": schema})["choices"]
    except LlamaRefused as error:
        return " ".join(str(error).split())[:160]
    ignored = str(said["text"]).strip() == NO_BEGINNING
    return "it names something that llama.cpp has no grammar for, and would be ignored" if ignored else ""
