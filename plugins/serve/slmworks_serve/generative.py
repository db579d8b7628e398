"""Routes of a model that generates: in the form of OpenAI's API, piece by piece if asked, and of rows.

All of them share the model's slots and one queue.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import (
    Generated,
    GenerativeDialect,
    Piece,
    Replying,
    Settings,
    TooLong,
    Wanted,
)
from slmworks.contract.model_task import Answer, Row
from slmworks_serve import bodies, openai_form
from slmworks_serve.bodies import Gone
from slmworks_serve.generations import Asked, Choice
from slmworks_serve.limits import Refused
from slmworks_serve.messages import RowsReader
from slmworks_serve.model import Loaded
from slmworks_serve.replies import Receive, Reply, Scope, Send, refusal, reply

if TYPE_CHECKING:
    from slmworks_serve.app import Service

_EVENTS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a gateway would keep events back
]
Take = Callable[[int, Piece | Generated], Awaitable[None]]


class _Route(ABC):
    """One route of a service that generates, as an ASGI application."""

    way_out = "Send content-type: application/json; /openapi.json describes the body."
    wrong = 400
    """Status of a question that the model cannot answer."""

    def __init__(self, service: "Service") -> None:
        self.service = service

    def refusal(self, refused: Refused) -> Reply:
        """The reply to a request that is refused."""
        return refusal(refused)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
        begun, metrics, sending = time.perf_counter(), self.service.metrics, _Sending(send)
        metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, sending)
            status = 200
        except Gone:
            return
        except BaseException as error:  # noqa: BLE001 - one question must not bring a traceback to its asker
            refused = self._refused(error)
            status = refused.status
            await sending.refuse(refused, self.refusal)
        finally:
            metrics.in_flight.dec()
        metrics.answered(status, time.perf_counter() - begun)

    def _refused(self, error: BaseException) -> Refused:
        if isinstance(error, Refused):
            return error
        if isinstance(error, asyncio.CancelledError):  # only by uvicorn, when `grace` is over
            return Refused(503, "the server is stopping", close=True)
        self.service.say(f"a question failed: {type(error).__name__}: {error}")
        return Refused(500, f"the model failed on this question ({type(error).__name__}).")

    @abstractmethod
    async def _answer(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        """Read the body and reply. Raises Refused, Gone, or whatever the model raises."""

    async def _body(self, scope: Scope, receive: Receive, share: bodies.Share) -> bytes:
        limits = self.service.limits
        try:
            async with asyncio.timeout(limits.deadline):
                return await bodies.read(scope, receive, limits.max_body, self.way_out, share)
        except TimeoutError:
            line = f"the body did not arrive within {limits.deadline:g} s."
            raise Refused(408, line, close=True) from None

    def _model(self) -> Loaded:
        """The model that answers now; Refused (503) where there is none."""
        if self.service.withdrawn:
            raise Refused(503, self.service.withdrawn)
        return self.service.model

    async def _generate(self, model: Loaded, choices: Sequence[Choice], receive: Receive, take: Take) -> None:
        """Have all choices generated, and every piece and end taken. Refused, or Gone with the client."""
        if model.streaming is None:
            raise Refused(503, "the model that answers now does not generate; try again in a second")
        asked = self.service.generations.ask(model.streaming, choices)
        listener = asyncio.ensure_future(_listen(receive, asked))
        try:
            await self._taken(asked, model, [row for row, _ in choices], take)
        except BadRequest as error:
            code = "context_length_exceeded" if isinstance(error, TooLong) else None
            raise Refused(self.wrong, str(error), code=code) from None
        except (TimeoutError, Gone, asyncio.CancelledError) as error:
            self.service.generations.metrics.cancelled(asked.missing)
            if isinstance(error, TimeoutError):
                raise self._too_late(asked) from None
            raise
        finally:
            listener.cancel()
            asked.leave()

    async def _taken(self, asked: Asked, model: Loaded, rows: Sequence[Row], take: Take) -> None:
        """Take all there is, the first of it in time, and the last; TimeoutError otherwise."""
        limits, begun = self.service.limits, asyncio.get_running_loop().time()
        async with asyncio.timeout(min(limits.first_token_deadline, limits.answer_deadline)) as clock:
            async for place, event in asked.events():
                if not asked.began:
                    asked.began = True
                    clock.reschedule(begun + limits.answer_deadline)
                await take(place, event)
                if isinstance(event, Generated):
                    self.service.counted(model, [rows[place]], [event.answer])

    def _too_late(self, asked: Asked) -> Refused:
        limits = self.service.limits
        if asked.began:
            seconds = f"{limits.answer_deadline:g} s"
            return Refused(504, f"the answer did not end within {seconds}; ask for fewer tokens.")
        seconds = f"{min(limits.first_token_deadline, limits.answer_deadline):g} s"
        return Refused(504, f"no token came within {seconds}; it was dropped; try again.")


class RowsRoute(_Route):
    """The model task's own route: rows, each answered as in an evaluation."""

    wrong = 422

    def __init__(self, service: "Service", reader: RowsReader) -> None:
        super().__init__(service)
        self._reader, self.way_out = reader, reader.way_out

    async def _answer(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        share = bodies.Share(self.service.budget)
        try:
            asked = self._reader.read(await self._body(scope, receive, share), self.service.limits)
            model = self._model()
            answers: list[Answer] = [{} for _ in asked.rows]

            async def take(place: int, event: Piece | Generated) -> None:
                if isinstance(event, Generated):
                    answers[place] = event.answer

            await self._generate(model, [(row, Settings()) for row in asked.rows], receive, take)
        finally:
            share.give_back()
        await reply(sending.send, 200, to_json(asked.reply(answers, model.served)))


class DialectRoute(_Route):
    """A route in the form of OpenAI's API."""

    def __init__(self, service: "Service", dialect: GenerativeDialect) -> None:
        super().__init__(service)
        self._dialect = dialect

    def refusal(self, refused: Refused) -> Reply:
        """The reply to a request that is refused."""
        return openai_form.refusal(refused)

    async def _answer(self, scope: Scope, receive: Receive, sending: "_Sending") -> None:
        share = bodies.Share(self.service.budget)
        try:
            body = await self._body(scope, receive, share)
            wanted = openai_form.read(self._dialect, body, self.service.limits)
            model = self._model()
            choices = openai_form.given(wanted, model, self.service.limits)
            replying = wanted.reply(model.served.by(digest=self.service.digest))
            await self._replied(model, replace(wanted, choices=choices), replying, receive, sending)
        finally:
            share.give_back()

    async def _replied(
        self, model: Loaded, wanted: Wanted, replying: Replying, receive: Receive, sending: "_Sending"
    ) -> None:
        async def take(place: int, event: Piece | Generated) -> None:
            ended = isinstance(event, Generated)
            said: Any = replying.ended(place, event) if ended else replying.piece(place, event)  # type: ignore[arg-type]
            events = b"".join(map(openai_form.event, said))
            if wanted.stream and events:
                await sending.events(events)

        await self._generate(model, wanted.choices, receive, take)
        if wanted.stream:
            last = b"".join(map(openai_form.event, replying.last()))
            await sending.events(last + openai_form.DONE, more=False)
        else:
            await reply(sending.send, 200, to_json(replying.whole()))


class _Sending:
    """The way to one client: a reply in one piece, or events."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self._began = False

    async def events(self, body: bytes, *, more: bool = True) -> None:
        """Send events, the first of them with the head."""
        if not self._began:
            self._began = True
            await self.send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def refuse(self, refused: Refused, form: Callable[[Refused], Reply]) -> None:
        """Say that there is no answer, or no more of it: a stream ends with an error, and is not done."""
        if self._began:
            await self.events(openai_form.event(openai_form.error(refused)), more=False)
        else:
            await reply(self.send, *form(refused))


async def _listen(receive: Receive, asked: Asked) -> None:
    """Wait for the client to hang up: after the whole body nothing else can come."""
    await receive()
    asked.put(0, Gone())
    asked.leave()
