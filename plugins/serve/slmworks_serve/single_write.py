"""What a server writes: one packet for one answer, and nothing kept for a client that takes no byte.

Uvicorn writes head and body apart, and whoever asked wakes up twice.
"""

import asyncio
from typing import Any


class Together:
    """A transport that sends what is written in one turn of the event loop as one piece.

    A connection that takes no byte for `patience` seconds, while there are some to send, is ended: to close
    it would wait for ever.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, patience: float
    ) -> None:
        self._transport, self._loop, self._patience = transport, loop, patience
        self._parts: list[bytes] = []
        self._sent = 0
        """Bytes given to the transport, which may still hold some of them."""
        self._watched = False

    def write(self, data: bytes) -> None:
        """Send with the rest of this turn."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)

    def close(self) -> None:
        """Send what is written, then close."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def _send(self) -> None:
        parts, self._parts = self._parts, []
        if not parts or self._transport.is_closing():  # the client may have gone since
            return
        data = b"".join(parts)
        self._transport.write(data)
        self._sent += len(data)
        if not self._watched and self._transport.get_write_buffer_size():
            self._watched = True
            self._look_again()

    def _look_again(self) -> None:
        self._loop.call_later(self._patience, self._look, self._taken())

    def _taken(self) -> int:
        return self._sent - self._transport.get_write_buffer_size()

    def _look(self, taken_before: int) -> None:
        """End a connection that took nothing since the last look; look on while there is more to send."""
        if not self._transport.get_write_buffer_size():
            self._watched = False
        elif self._taken() == taken_before:
            self._transport.abort()
        else:
            self._look_again()
