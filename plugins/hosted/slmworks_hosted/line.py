"""An event loop of its own thread, in which requests are on their way while the caller takes answers."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, TypeVar

from slmworks.contract.errors import BadRequest
from slmworks.contract.generation import Generated, Settings
from slmworks.contract.hosted import Hosted
from slmworks.contract.model_task import Row
from slmworks_hosted.client import Client, timeout
from slmworks_hosted.requests import request

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """Takes questions from another thread than that of the loop."""

    loop: asyncio.AbstractEventLoop
    client: Client
    hosted: Hosted

    def ask(self, row: Row, settings: Settings) -> Future[Generated | BadRequest]:
        """Send a row; the result is its answer, or why it alone has none."""
        try:
            route, body = request(row, settings, self.hosted)
        except BadRequest as error:
            refused: Future[Generated | BadRequest] = Future()
            refused.set_result(error)
            return refused
        return asyncio.run_coroutine_threadsafe(self.client.post(route, body), self.loop)

    def stop(self) -> None:
        """Send nothing again."""
        self.loop.call_soon_threadsafe(self.client.stopping.set)


@contextmanager
def line(hosted: Hosted, secret: str | None) -> Iterator[Line]:
    """A line to the server; what is still on its way at the end is dropped."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="hosted", daemon=True)
    thread.start()

    def await_(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    try:
        client, session = await_(_client(hosted, secret))
        try:
            yield Line(loop, client, hosted)
        finally:
            await_(_drop(session))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _client(hosted: Hosted, secret: str | None) -> tuple[Client, Any]:
    import aiohttp

    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=hosted.at_once),
        timeout=timeout(hosted),
        trust_env=not hosted.here,
    )
    return Client(hosted, secret, session), session


async def _drop(session: Any) -> None:
    """Cancel what is on its way, and close the connections."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await session.close()
