"""`POST /v1/embeddings`: the same embeddings in the form of OpenAI's API, for clients that speak it."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ConfigDict

from slmworks.contract.documented import Documented
from slmworks.contract.model_task import Answer, Dialect, Row


class EmbeddingsRequest(Documented):
    """Texts to embed."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    input: str | list[str]
    """One text, or several."""
    model: str = ""
    """Ignored: a server has one model; the reply names it."""
    encoding_format: Literal["float", "base64"] = "float"
    """Embeddings as numbers, or as base64 of little-endian float32."""


def rows(request: EmbeddingsRequest) -> list[Row]:
    """One row a text."""
    texts = [request.input] if isinstance(request.input, str) else request.input
    return [{"text": text} for text in texts]


def reply(request: EmbeddingsRequest, answers: Sequence[Answer], model: str) -> dict[str, Any]:
    """The reply; `usage` is left out, since tokens are not counted."""
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": index, "embedding": _encoded(request, answer["embedding"])}
            for index, answer in enumerate(answers)
        ],
    }


def _encoded(request: EmbeddingsRequest, numbers: Sequence[float]) -> Any:
    if request.encoding_format == "float":
        return numbers
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


EMBEDDINGS = Dialect("v1/embeddings", "Embed, as OpenAI's API does", EmbeddingsRequest, rows, reply)
