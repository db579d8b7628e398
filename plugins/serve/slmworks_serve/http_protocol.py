"""HTTP on the wire: uvicorn's protocol, less its patience with a request whose head never ends."""

import asyncio
import json
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slmworks_serve.single_write import Together

HEAD = 65_536
"""Bytes of a request's head; more is answered 431. Uvicorn takes any number, in quadratic time."""


class HeadWithin(HttpToolsProtocol):  # type: ignore[misc]
    """A connection that is hung up on where a request's head takes too long (408) or is too long (431).

    The time runs from the connection, and later from the first byte after an answer. Until that byte
    uvicorn's own keep-alive time holds; from then on only a whole head stops the clock. Empty lines don't,
    nor does the rest of a body that was answered without being read. Where no question is open, or the one
    before it is still being answered, the connection ends without a word.
    """

    def __init__(self, seconds: float, **given: Any) -> None:
        """`seconds` for each head; the rest is uvicorn's."""
        super().__init__(**given)
        self._seconds = seconds
        self._clock: asyncio.TimerHandle | None = None
        self._within: Literal["nothing", "head", "body"] = "nothing"
        self._came = 0
        """Bytes that may belong to a head that is not whole yet."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(Together(transport, self.loop))
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. What may belong to a head is read as far as a head may be long, and then the rest."""
        if self._within != "body":
            room = HEAD - self._came
            self._came += len(data)
            now, data = data[:room], data[room:]
            super().data_received(now)
            if self._came >= HEAD:
                self._hang_up("431 Request Header Fields Too Large", f"is longer than {HEAD} bytes")
        if data and not self.transport.is_closing():
            super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._wait()

    def on_message_begin(self) -> None:
        """Wait for the rest of a head."""
        super().on_message_begin()
        self._within = "head"
        self._wait()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a head's headers only: those after a body nobody reads, and nothing limits."""
        if self._within == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there; for the body the application has a deadline."""
        self._within, self._came = "body", 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """What comes next is another request."""
        self._within = "nothing"
        super().on_message_complete()

    def _wait(self) -> None:
        if self._clock is None and not self.transport.is_closing():
            self._clock = self.loop.call_later(self._seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_late(self) -> None:
        self._clock = None
        self._hang_up("408 Request Timeout", f"did not arrive within {self._seconds:g} s")

    def _hang_up(self, status: str, why: str) -> None:
        if self.transport.is_closing():
            return
        if self.cycle is None or (self.cycle.response_complete and self._within == "head"):
            self._say(status, json.dumps({"error": f"the request's head {why}."}))
        self.transport.close()

    def _say(self, status: str, line: str) -> None:
        head = (
            f"HTTP/1.1 {status}",
            "content-type: application/json",
            "connection: close",
            f"content-length: {len(line)}",
        )
        self.transport.write("\r\n".join([*head, "", line]).encode())
