"""The routes that answer rows, which have to be fast: plain ASGI, one pass over the body, no copies.

Every way it can end is a status and one line of JSON, and is counted.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from pydantic_core import to_json

from slmworks_serve import bodies
from slmworks_serve.batches import Answers
from slmworks_serve.bodies import Gone
from slmworks_serve.limits import Refused
from slmworks_serve.messages import Asked, Reader
from slmworks_serve.model import Loaded
from slmworks_serve.replies import Receive, Reply, Scope, Send, refusal, reply

if TYPE_CHECKING:
    from slmworks_serve.app import Service

PATIENCE = 0.1
"""Seconds before it pays to listen whether a client that waits has hung up."""


class Endpoint:
    """One route of a service, as an ASGI application; all routes share its queue, limits and meters."""

    def __init__(self, service: "Service", reader: Reader) -> None:
        self.service, self.reader = service, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        begun, metrics = time.perf_counter(), self.service.metrics
        share = bodies.Share(self.service.budget)
        metrics.in_flight.inc()
        try:
            status, body, headers = await self._answer(scope, receive, share)
        except Gone:
            return
        finally:
            share.give_back()
            metrics.in_flight.dec()
        metrics.answered(status, time.perf_counter() - begun)
        await reply(send, status, body, headers)

    async def _answer(self, scope: Scope, receive: Receive, share: bodies.Share) -> Reply:
        limits, complete = self.service.limits, False
        seconds = limits.deadline
        try:
            async with asyncio.timeout(seconds):
                body = await bodies.read(scope, receive, limits.max_body, self.reader.way_out, share)
                complete = True
                return 200, await self._replied(body, receive), ()
        except TimeoutError:
            if complete:
                return refusal(Refused(504, f"no answer within {seconds:g} s; it was dropped; try again."))
            return refusal(Refused(408, f"the body did not arrive within {seconds:g} s.", close=True))
        except Refused as refused:
            return refusal(refused)
        except asyncio.CancelledError:  # only by uvicorn, when `grace` is over
            return refusal(Refused(503, "the server is stopping", close=True))
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - one question must not bring a traceback to its asker
            self.service.say(f"a question failed: {type(error).__name__}: {error}")
            return refusal(Refused(500, f"the model failed on this question ({type(error).__name__})."))

    async def _replied(self, body: bytes, receive: Receive) -> bytes:
        service = self.service
        asked = self.reader.read(body, service.limits)
        if service.withdrawn:
            raise Refused(503, service.withdrawn)
        model = service.model
        answers = await self._answers(model, asked, receive)
        service.counted(model, asked.rows, answers)
        return to_json(asked.reply(answers, model.served))

    async def _answers(self, model: Loaded, asked: Asked, receive: Receive) -> Answers:
        """The model's answers; rows that have not started are not computed once the client hung up."""
        answered = self.service.batches.answer(model, asked.rows)
        listening = answered.get_loop().call_later(PATIENCE, _listen, answered, receive)
        try:
            return await answered
        finally:
            listening.cancel()
            answered.cancel()


def _listen(answered: "asyncio.Future[Answers]", receive: Receive) -> None:
    """Wait for the client to hang up; then nobody waits for answers that are not there yet."""

    async def gone() -> None:
        await receive()  # after the whole body there is nothing else to receive
        if not answered.done():
            answered.set_exception(Gone())

    listener = asyncio.ensure_future(gone())
    answered.add_done_callback(lambda _: listener.cancel())
