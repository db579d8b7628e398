"""Bodies of requests: read within a size, unpacked within the same size, without a byte order mark."""

import codecs
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from slmworks_serve.limits import Refused

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_GZIP = 16 + zlib.MAX_WBITS


class Gone(Exception):
    """The client hung up before it had its answer."""


async def read(scope: Scope, receive: Receive, most: int, way_out: str) -> bytes:
    """The JSON of a body, of `most` bytes, packed or not.

    Refused when it is longer, whatever its header claims, when it is no JSON (415), or packed in another way
    than gzip (415). Gone when the client hangs up.
    """
    kind, packing, length = _heads(scope["headers"])
    if length.isdigit() and int(length) > most:
        raise too_long(most)
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_long(most)
        if not message.get("more_body", False):
            break
    if kind != b"application/json":
        raise Refused(415, f"the content-type is '{_shown(kind)}'. {way_out}")
    if packing not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise Refused(415, f"the content-encoding is '{_shown(packing)}'; send the body plain, or as gzip.")
    body = b"".join(parts)
    if packing.endswith(b"gzip"):
        body = unpacked(body, most)
    return body.removeprefix(codecs.BOM_UTF8)


def unpacked(body: bytes, most: int) -> bytes:
    """The content of one gzip member. No more than `most` bytes and one are ever unpacked."""
    unpacking = zlib.decompressobj(_GZIP)
    try:
        found = unpacking.decompress(body, most + 1)
    except zlib.error:
        raise Refused(400, "the content-encoding is gzip, and the body is not.") from None
    if len(found) > most:
        raise too_long(most)
    if not unpacking.eof:
        raise Refused(400, "the gzip body ends too early.")
    if unpacking.unused_data:
        raise Refused(400, "the gzip body goes on after its end; send one member.")
    return found


def too_long(most: int) -> Refused:
    """The refusal of a body of more than `most` bytes."""
    return Refused(413, f"the body is longer than {most} bytes; send fewer texts at a time.", close=True)


def _heads(headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes, bytes]:
    """Content type (JSON where none is given), encoding and length."""
    found = dict(headers)
    kind = found.get(b"content-type", b"application/json").split(b";")[0].strip().lower()
    packing = b", ".join(value for name, value in headers if name == b"content-encoding").strip().lower()
    return kind, packing, found.get(b"content-length", b"0")


def _shown(value: bytes) -> str:
    return value.decode("latin-1")[:80]
