"""HTTP on the wire: uvicorn's protocol, less its patience with a request whose head never ends."""

import asyncio
import json
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HeadWithin(HttpToolsProtocol):  # type: ignore[misc]
    """A connection that is answered 408 and closed where a request's head takes too long.

    The time runs from the connection, and from the first byte of each later request on it; between requests
    uvicorn's own keep-alive time holds.
    """

    def __init__(self, seconds: float, **given: Any) -> None:
        """`seconds` for each head; the rest is uvicorn's."""
        super().__init__(**given)
        self._seconds = seconds
        self._waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        """The head is there; for the body the application has a deadline."""
        self._arrived()
        super().on_headers_complete()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self._seconds, self._hang_up)

    def _arrived(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _hang_up(self) -> None:
        self._waiting = None
        if self.transport.is_closing():
            return
        line = json.dumps({"error": f"the request's head did not arrive within {self._seconds:g} s."})
        head = (
            "HTTP/1.1 408 Request Timeout",
            "content-type: application/json",
            "connection: close",
            f"content-length: {len(line)}",
        )
        self.transport.write("\r\n".join([*head, "", line]).encode())
        self.transport.close()
