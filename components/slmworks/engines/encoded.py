"""JSON values as one short word, for what only a machine reads."""

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any

from slmworks.contract.errors import BadRequest


def pack(what: Mapping[str, Any]) -> str:
    """JSON values as one word."""
    return base64.b64encode(zlib.compress(json.dumps(what, ensure_ascii=False).encode(), 9)).decode()


def unpack(word: str) -> dict[str, Any]:
    """What `pack` packed; BadRequest for anything else."""
    try:
        return dict(json.loads(zlib.decompress(base64.b64decode(word, validate=True))))
    except (ValueError, zlib.error) as error:
        raise BadRequest(f"not what was compiled ({error}); compile the recipe again.") from None
