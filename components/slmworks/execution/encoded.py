"""JSON ↔ compressed base64, for command-line arguments: some schedulers take braces for templates."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from slmworks.contract.errors import BadRequest


def pack(values: Mapping[str, Any]) -> str:
    """JSON values as one argument."""
    return base64.b64encode(zlib.compress(json.dumps(values, ensure_ascii=False).encode(), 9)).decode()


def unpack(argument: str) -> dict[str, Any]:
    """The values that `pack` packed; BadRequest for anything else."""
    try:
        return dict(json.loads(zlib.decompress(base64.b64decode(argument, validate=True))))
    except (ValueError, zlib.error) as error:
        raise BadRequest(f"not what was compiled ({error}); compile the recipe again.") from None
