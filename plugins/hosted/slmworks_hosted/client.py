"""One request to a hosted model until it is answered: what passes is tried again, the rest is a line.

Waiting follows the server's Retry-After, or doubles with jitter (Brooker, 2015: "Exponential Backoff And
Jitter"); chance decides only when something is asked, never what.
"""

import asyncio
import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.contract.generation import Generated, TooLong
from slmworks.contract.hosted import Hosted
from slmworks.contract.plain_text import one_line
from slmworks_hosted.replies import BadReply, error_of, generated
from slmworks_hosted.requests import COMPLETION

if TYPE_CHECKING:
    from aiohttp import ClientSession

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before a request is sent again, at first and at most, where the server says nothing of it."""
UNHEARD = 10.0
"""Seconds of patience with a server that has never answered: the address may be wrong."""
LARGEST = 1 << 25
"""Bytes of a reply; no answer has as many."""
PASSING = (408, 409, 425, 429)
"""Statuses, beside 5xx, after which the same request may be answered."""
NO_CREDIT = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
"""Codes of an account that is spent: waiting changes nothing."""


class Stopped(Exception):
    """The request was waiting to be sent again when the work ended."""


class _Passing(Exception):
    """What may be otherwise next time: in words, and the seconds that the server wants to be left alone."""

    def __init__(self, words: str, wait: float | None = None) -> None:
        super().__init__(words)
        self.words, self.wait = words, wait


class Client:
    """Asks a hosted model, within an event loop."""

    def __init__(self, hosted: Hosted, secret: str | None, session: "ClientSession") -> None:
        self._hosted, self._secret, self._session = hosted, secret, session
        self._heard = False
        self.stopping = asyncio.Event()
        """Once set, nothing is sent again; what is on its way is waited for."""

    async def post(self, route: str, body: Mapping[str, Any]) -> Generated | BadRequest:
        """The answer, or why this row has none. BadRequest, TaskFailed for what holds for every row."""
        data, tries, since = json.dumps(body).encode(), 0, 0.0
        while True:
            try:
                return await self._once(route, data)
            except _Passing as error:
                now = time.monotonic()
                since = since or now
                wait = _wait(tries) if error.wait is None else error.wait
                patience = self._hosted.patience_s
                patience = patience if self._heard else min(patience, UNHEARD)
                too_long = error.wait is not None and wait > patience
                if too_long or (tries and now - since + wait > patience):
                    raise self._does_not_answer(error) from None
                tries += 1
                await self._pause(wait)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
        if self.stopping.is_set():
            raise Stopped

    async def _once(self, route: str, data: bytes) -> Generated | BadRequest:
        import aiohttp

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret}"
        url = f"{self._hosted.address}/{route}"
        try:
            begun = time.monotonic()
            async with self._session.post(url, data=data, headers=headers, allow_redirects=False) as reply:
                read = await _whole(reply.content)
                self._heard = True
                found = self._judged(route, reply.status, reply.headers, read)
                taken = time.monotonic() - begun
                return found if isinstance(found, BadRequest) else replace(found, seconds=taken)
        except TimeoutError:
            raise _Passing(f"nothing whole within {self._hosted.timeout_s:g} s") from None
        except aiohttp.ClientConnectorCertificateError:
            raise BadRequest(f"{self._hosted.host}: its certificate is not trusted here.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _Passing(_words(error)) from None

    def _judged(
        self, route: str, status: int, headers: Mapping[str, str], data: bytes
    ) -> Generated | BadRequest:
        said = _parsed(data)
        message, codes = error_of(said)
        if 200 <= status < 300 and not (message or codes):
            return self._answer(said, headers, data)
        if 200 <= status < 300:  # a proxy's: what went wrong behind it is in the body
            status = next((int(code) for code in codes if code.isdecimal()), 500)
        self._refuse(route, status, codes)
        if status in PASSING or status >= 500:
            raise _Passing(f"{status} {self._clean(message)}".strip(), _retry_after(headers))
        if status == 413 or "context_length_exceeded" in codes or "context" in message.lower():
            return TooLong(
                f"the hosted model refuses the row as too long ({self._clean(message) or status})."
            )
        return BadRequest(f"the hosted model refuses the row ({status} {self._clean(message)}).")

    def _answer(self, said: Any, headers: Mapping[str, str], data: bytes) -> Generated | BadRequest:
        if "html" in headers.get("Content-Type", "") or data.lstrip()[:1] == b"<":
            raise BadRequest(
                f"{self._hosted.address}: answers with a web page, so the routes are elsewhere; `address` "
                "ends where they begin, mostly with /v1."
            )
        if said is None:
            raise _Passing("a reply that is no JSON, or was cut off")
        try:
            return generated(said, self._hosted.model)
        except BadReply as error:
            raise _Passing(str(error)) from None

    def _refuse(self, route: str, status: int, codes: tuple[str, ...] | Any) -> None:
        """BadRequest for what is the same for every row."""
        host, key = self._hosted.host, self._hosted.key
        if 300 <= status < 400:
            raise BadRequest(f"{host}: redirects elsewhere ({status}); write that address, if it is meant.")
        if status == 402 or any(code in NO_CREDIT for code in codes):
            raise BadRequest(
                f"{host}: the account has no credit left; what was paid for is kept, run again when it has "
                "some."
            )
        if status in (401, 403):
            what = f"refuses the key at {key}" if key else "wants a key: name its place, `key: env:NAME`"
            raise BadRequest(f"{host}: {what} ({status}).")
        if status in (404, 405) and route != COMPLETION:
            raise BadRequest(
                f"{host}: there is no model '{self._hosted.model}' at {self._hosted.address} ({status}); "
                "look at /models there."
            )

    def _does_not_answer(self, error: _Passing) -> TaskFailed:
        asked = f", and asks to wait {error.wait:.0f} s" if error.wait else ""
        return TaskFailed(
            f"the teacher at {self._hosted.host} does not answer ({error.words}{asked}); what was paid for "
            "is kept, run again to go on from there."
        )

    def _clean(self, text: str) -> str:
        """A server's words in a line, without the key that it may repeat."""
        bare = text.replace(self._secret, "…") if self._secret else text
        return one_line(bare)[:160]


def timeout(hosted: Hosted) -> Any:
    """The timeout as aiohttp has it: of the whole request, however slowly it trickles in."""
    import aiohttp

    return aiohttp.ClientTimeout(total=hosted.timeout_s)


async def _whole(content: Any) -> bytes:
    found = bytearray()
    async for part in content.iter_any():
        found += part
        if len(found) > LARGEST:
            raise _Passing("a reply larger than any answer")
    return bytes(found)


def _parsed(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _wait(tries: int) -> float:
    return min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(tries, 16)) * random.uniform(0.5, 1.0)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server names, as a number or a moment; None for none."""
    said = headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(said))
    with suppress(ValueError, TypeError):
        return max(0.0, (parsedate_to_datetime(said) - datetime.now(UTC)).total_seconds())
    return None


def _words(error: Exception) -> str:
    """A failure of the network in a few words of the system; no address and no header."""
    inner = getattr(error, "os_error", error)
    said = getattr(inner, "strerror", None) or ""
    return one_line(said)[:80] or type(error).__name__
