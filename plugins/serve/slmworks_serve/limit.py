"""Refuse bodies that are too long before anyone parses them, whatever their header claims."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

MAX_BODY = 1 << 20
"""Bytes of one request's body."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_REFUSAL = f'{{"error":"the body is longer than {MAX_BODY} bytes; send fewer texts at a time."}}'.encode()


class BodyLimit:
    """ASGI middleware: reads a body of at most MAX_BODY bytes, answers 413 to a longer one."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Hand on the request with its body already read, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        messages, size = [await receive()], 0
        while True:
            size += len(messages[-1].get("body", b""))
            if size > MAX_BODY:
                await _refuse(send)
                return
            if not messages[-1].get("more_body", False):
                break
            messages.append(await receive())
        waiting = iter(messages)

        async def replay() -> Message:
            return next(waiting, None) or await receive()

        await self.app(scope, replay, send)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _REFUSAL})
