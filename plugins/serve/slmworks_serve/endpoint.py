"""The routes that answer rows, which have to be fast: plain ASGI, one pass over the body, no copies.

Every way it can end is a status and one line of JSON, and is counted.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from slmworks_serve import bodies
from slmworks_serve.batches import Answers
from slmworks_serve.bodies import Gone, Receive, Scope
from slmworks_serve.limits import Refused
from slmworks_serve.messages import Asked, Reader
from slmworks_serve.model import Loaded

if TYPE_CHECKING:
    from slmworks_serve.app import Service

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATIENCE = 0.1
"""Seconds before it pays to listen whether a client that waits has hung up."""

_JSON = (b"content-type", b"application/json")


class Endpoint:
    """One route of a service, as an ASGI application; all routes share its queue, limits and meters."""

    def __init__(self, service: "Service", reader: Reader) -> None:
        self.service, self.reader = service, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        begun, metrics = time.perf_counter(), self.service.metrics
        metrics.in_flight.inc()
        try:
            status, body, headers = await self._answer(scope, receive)
        except Gone:
            return
        finally:
            metrics.in_flight.dec()
        metrics.answered(status, time.perf_counter() - begun)
        length = (b"content-length", b"%d" % len(body))
        await send({"type": "http.response.start", "status": status, "headers": [_JSON, length, *headers]})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        seconds, complete = self.service.limits.deadline, False
        try:
            async with asyncio.timeout(seconds):
                body = await bodies.read(scope, receive, self.service.limits.max_body, self.reader.way_out)
                complete = True
                return 200, await self._replied(body, receive), []
        except TimeoutError:
            if complete:
                return _said(Refused(504, f"no answer within {seconds:g} s; it was dropped; try again."))
            return _said(Refused(408, f"the body did not arrive within {seconds:g} s.", close=True))
        except Refused as refused:
            return _said(refused)
        except asyncio.CancelledError:  # only by uvicorn, when `grace` is over
            return _said(Refused(503, "the server is stopping", close=True))
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - one question must not bring a traceback to its asker
            self.service.say(f"a question failed: {type(error).__name__}: {error}")
            return _said(Refused(500, f"the model failed on this question ({type(error).__name__})."))

    async def _replied(self, body: bytes, receive: Receive) -> bytes:
        service = self.service
        asked = self.reader.read(body, service.limits)
        if service.withdrawn:
            raise Refused(503, service.withdrawn)
        model = service.model
        answers = await self._answers(model, asked, receive)
        for answer in answers:
            if label := model.task.counted(answer):
                service.metrics.said(label, model.served.version)
        return to_json(asked.reply(answers, model.served))

    async def _answers(self, model: Loaded, asked: Asked, receive: Receive) -> Answers:
        """The model's answers; rows that have not started are not computed once the client hung up."""
        answered = self.service.batches.answer(model, asked.rows)
        try:
            await asyncio.wait([answered], timeout=PATIENCE)
            if not answered.done():
                await _answered_or_gone(answered, receive)
            return answered.result()
        finally:
            answered.cancel()


async def _answered_or_gone(answered: "asyncio.Future[Answers]", receive: Receive) -> None:
    # After the whole body there is nothing to receive but that the client is gone.
    listening: asyncio.Future[Any] = asyncio.ensure_future(receive())
    either: list[asyncio.Future[Any]] = [answered, listening]
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        listening.cancel()
    if not answered.done():
        raise Gone


def _said(refused: Refused) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
    headers = [(b"connection", b"close")] if refused.close else []
    if refused.status == 415:
        headers.append((b"accept-encoding", b"gzip, identity"))
    if refused.status == 503:
        headers.append((b"retry-after", b"1"))
    return refused.status, to_json({"error": refused.line}), headers
