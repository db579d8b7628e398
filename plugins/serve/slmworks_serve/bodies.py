"""Bodies of requests: read within a size, unpacked within the same size, without a byte order mark.

All long bodies of a server share a budget, from their first bytes until they are answered.
"""

import codecs
import zlib

from slmworks_serve.limits import Refused
from slmworks_serve.replies import Receive, Scope

FREE = 16_384
"""Bytes of each body that are not counted: however many long bodies are open, a short question gets in."""

_GZIP = 16 + zlib.MAX_WBITS


class Gone(Exception):
    """The client hung up before it had its answer."""


class Budget:
    """Bytes of long bodies that one server holds."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0


class Share:
    """What one body takes of a budget."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._held = budget, 0

    def grow(self, size: int) -> None:
        """Hold a body of `size` bytes; Refused (503) where other bodies leave no room for it."""
        more = size - FREE - self._held
        if more <= 0:
            return
        budget = self._budget
        if budget.held + more > budget.most:
            raise Refused(503, "too many long bodies are open; try again in a second", close=True)
        budget.held += more
        self._held += more

    def give_back(self) -> None:
        """The body is gone."""
        self._budget.held -= self._held
        self._held = 0


async def read(scope: Scope, receive: Receive, most: int, way_out: str, share: Share) -> bytes:
    """The JSON of a body, of `most` bytes, packed or not, which takes its `share` of the budget.

    Refused when it is longer, whatever its header claims, when it is no JSON (415), or packed in another way
    than gzip (415). Gone when the client hangs up.
    """
    kind, charset, packing, length = _heads(scope["headers"])
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
        share.grow(size)
        if not message.get("more_body", False):
            break
    if kind != b"application/json":
        said = f"the content-type is '{_shown(kind)}'" if kind else "there is no content-type"
        raise Refused(415, f"{said}. {way_out}")
    if packing not in (b"", b"identity", b"gzip", b"x-gzip"):
        raise Refused(415, f"the content-encoding is '{_shown(packing)}'; send the body plain, or as gzip.")
    body = b"".join(parts)
    if packing.endswith(b"gzip"):
        body = unpacked(body, most)
        share.grow(len(body))
    body = body.removeprefix(codecs.BOM_UTF8)
    _require_utf8(body, charset)
    return body


def _require_utf8(body: bytes, charset: bytes) -> None:
    """Refused for a body in another encoding than JSON's, or said to be in one that reads it otherwise."""
    if b"\0" in body[:4]:
        raise Refused(400, "the body is UTF-16 or UTF-32; JSON is sent in UTF-8.")
    if body.isascii():
        return
    if charset not in (b"", b"utf-8", b"utf8"):
        raise Refused(415, f"the charset is '{_shown(charset)}'; JSON is sent in UTF-8.")
    try:
        codecs.utf_8_decode(body, "strict", True)
    except UnicodeDecodeError as error:
        place = f"byte {error.start}, 0x{body[error.start]:02x}"
        raise Refused(400, f"the body is not UTF-8 ({place}); JSON is sent in UTF-8.") from None


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


def _heads(headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes, bytes, bytes]:
    """Content type and its charset, encoding and length; of a header that is there twice, both."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b", " + value if name in found else value
    kind, *parameters = (part.strip().lower() for part in found.get(b"content-type", b"").split(b";"))
    charset = next((one[8:].strip(b'"') for one in parameters if one.startswith(b"charset=")), b"")
    packing = found.get(b"content-encoding", b"").strip().lower()
    return kind, charset, packing, found.get(b"content-length", b"0")


def _shown(value: bytes) -> str:
    return value.decode("latin-1")[:80]
