"""Facts about a GGUF model that travel in an artifact's `meta`, and come back into a file at export."""

from collections.abc import Mapping
from typing import Any

from slmworks.contract.artifact import Model
from slmworks_gguf.gguf_file import GgufFile
from slmworks_gguf.gguf_metadata import context, longest_answer

GENERAL = (
    "author", "basename", "finetune", "license", "license.link", "license.name", "name", "organization",
    "url", "version",
)  # fmt: skip
"""Keys below `general.` that a model keeps through import and export."""


def of(file: GgufFile) -> dict[str, Any]:
    """`max_length`, `parameters`, and `gguf`: name of the pre-tokenizer, tensor types, licence, names.

    And `max_new_tokens`, where the file says it.
    """
    longest = longest_answer(file)
    general = {key: file.metadata.get(f"general.{key}") for key in GENERAL}
    return {
        **({} if longest is None else {"max_new_tokens": longest}),
        "max_length": context(file),
        "parameters": file.parameters,
        "gguf": {
            "architecture": file.architecture,
            "pre": file.metadata.get("tokenizer.ggml.pre", ""),
            "types": list(file.type_names),
            "general": {key: value for key, value in general.items() if isinstance(value, str)},
        },
    }


def carried(model: Model) -> tuple[str, Mapping[str, str]]:
    """Name of the pre-tokenizer (empty: unknown) and general facts, as an import noted them."""
    noted = model.meta.get("gguf") or {}
    return str(noted.get("pre", "")), dict(noted.get("general", {}))
