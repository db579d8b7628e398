"""The path under which a gateway shows a server: `/models/reviews`, by option or by the gateway's header."""

import re
from typing import TYPE_CHECKING

from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from starlette.requests import Request

HEADER = "x-forwarded-prefix"
_SAFE = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_LONGEST = 200


def given(text: str) -> str:
    """The prefix that an option names, without a slash at its end; BadRequest if it is no plain path."""
    found = safe(text)
    if found or not text.strip("/"):
        return found
    raise BadRequest(
        f"--prefix {text[:80]!r}: write a path of letters, digits, '.', '_', '~' and '-': /models/reviews."
    )


def safe(text: str) -> str:
    """The path if it is a plain one, without a slash at its end; else ""."""
    text = text.strip().rstrip("/")
    return text if len(text) <= _LONGEST and _SAFE.fullmatch(text) else ""


def prefix_of(request: "Request", configured: str) -> str:
    """The prefix by which a request reached us: the configured one, else what its gateway says."""
    return configured or safe(request.headers.get(HEADER, ""))
