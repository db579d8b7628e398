"""HTTP on the wire: uvicorn's protocol, less its patience with a request whose head never ends."""

import asyncio
import json
from typing import Any, Literal

from httptools import parse_url
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slmworks_serve.connections import Connections
from slmworks_serve.single_write import Together

HEAD = 65_536
"""Bytes of a request's head; more is answered 431. Uvicorn takes any number, in quadratic time."""
FIELDS = 256
"""Header fields of a head; more is answered 431: a short one takes forty times its bytes."""
PIPELINED = 64
"""Requests that may wait behind one another on a connection, which is ended with one more: uvicorn reads on
after each answer, so that they would fill the memory."""
TOO_MANY_OPEN = "too many connections are open; try again in a second"


class HeadWithin(HttpToolsProtocol):  # type: ignore[misc]
    """A connection that is hung up on where a request's head takes too long (408) or is too long (431).

    The time runs from the connection, and later from the first byte after an answer. Until that byte
    uvicorn's own keep-alive time holds; from then on only a whole head stops the clock. Empty lines don't,
    nor does the rest of a body that was answered without being read. Where no question is open, or the one
    before it is still being answered, the connection ends without a word.
    """

    def __init__(self, seconds: float, patience: float, among: Connections, **given: Any) -> None:
        """`seconds` for each head, `patience` to take some of an answer; the rest is uvicorn's."""
        super().__init__(**given)
        self._seconds, self._patience, self._among = seconds, patience, among
        self._clock: asyncio.TimerHandle | None = None
        self._within: Literal["nothing", "head", "body"] = "nothing"
        self._came = 0
        """Bytes that may belong to a head that is not whole yet."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait; where there is no room, end it at once."""
        super().connection_made(Together(transport, self.loop, self._patience))
        if self._among.admit(self):
            self._wait()
        else:
            self._say("503 Service Unavailable", TOO_MANY_OPEN, "retry-after: 1")
            self.transport.close()

    def drop(self) -> None:
        """End a connection on which no question is open; another takes its place."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._among.gone(self)
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
            if len(self.headers) > FIELDS:
                self._hang_up("431 Request Header Fields Too Large", f"has more than {FIELDS} fields")
                raise ValueError  # ends the parsing of what came

    def on_headers_complete(self) -> None:
        """The head is there; for the body the application has a deadline."""
        self._within, self._came = "body", 0
        self._stop_waiting()
        self._among.asked(self)
        if len(self.pipeline) >= PIPELINED:
            raise ValueError  # ends the parsing, and the connection
        if not self.url.startswith(b"/"):
            self._name_in_url()
        super().on_headers_complete()

    def _name_in_url(self) -> None:
        """A whole URL is asked by its own name, whatever the Host header says (RFC 9112, 3.2.2)."""
        found = parse_url(self.url)
        if found.host:
            name = b"[%s]" % found.host if b":" in found.host else found.host
            self.headers[:] = [(field, name if field == b"host" else value) for field, value in self.headers]

    def on_message_complete(self) -> None:
        """What comes next is another request."""
        self._within = "nothing"
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answer the next question, if it is there already."""
        another = bool(self.pipeline)
        super().on_response_complete()
        if not another:
            self._among.answered(self)

    def send_400_response(self, msg: str) -> None:
        """Say that this is no HTTP, unless an answer is on its way, and end the connection."""
        if self.transport.is_closing():
            return
        answering = (
            self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        )
        if not answering and not self.pipeline:
            self._say("400 Bad Request", "the request is not HTTP/1.1.")
        self.transport.close()

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
            self._say(status, f"the request's head {why}.")
        self.transport.close()

    def _say(self, status: str, line: str, *headers: str) -> None:
        body = json.dumps({"error": line})
        head = (
            f"HTTP/1.1 {status}",
            "content-type: application/json",
            "connection: close",
            f"content-length: {len(body)}",
            *headers,
        )
        self.transport.write("\r\n".join([*head, "", body]).encode())
