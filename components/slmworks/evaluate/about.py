"""What a report says of a model besides its answers: name, format, parameters, bytes."""

from typing import Any

from slmworks.contract.artifact import HEADER, Model
from slmworks.contract.hosted import FORMAT as HOSTED
from slmworks.contract.manifest import scan


def about(model: Model) -> dict[str, Any]:
    """Format, number of parameters (None if unknown) and bytes of the model's own files (None if hosted)."""
    size = sum(f.size for f in scan(model.path) if f.path != HEADER)
    return {
        "format": model.format,
        "parameters": model.meta.get("parameters"),
        "bytes": None if model.format == HOSTED else size,
    }


def model_name(model: Model) -> str:
    """A short name: how it was quantized, or else its format, and how it is asked. They have no names."""
    name = str(model.meta.get("quantized", {}).get("method") or model.format)
    prompting = model.meta.get("prompting")
    return f"{name} ({prompting})" if prompting else name
