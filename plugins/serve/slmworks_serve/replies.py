"""Replies of one line of JSON, as plain ASGI: what the fast routes and the guard before them send."""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from pydantic_core import to_json

from slmworks_serve.limits import Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]
Reply = tuple[int, bytes, Headers]
"""Status, body as JSON, headers beside type and length."""

_JSON = (b"content-type", b"application/json")


async def reply(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    """Send a whole reply."""
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
    await send({"type": "http.response.body", "body": body})


def refusal(refused: Refused) -> Reply:
    """The reply to a request that is refused."""
    headers = [(b"connection", b"close")] if refused.close else []
    if refused.status == 401:
        headers.append((b"www-authenticate", b'Bearer realm="slmworks"'))
    if refused.status == 415:
        headers.append((b"accept-encoding", b"gzip, identity"))
    if refused.status == 503:
        headers.append((b"retry-after", b"1"))
    return refused.status, to_json({"error": refused.line}), headers
