"""Ask a server's `/v1/chat/completions` as a stream; to stop reading it stops the generation."""

import contextlib
import http.client
import json
import ssl
from collections.abc import Generator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from slmworks.contract.errors import BadRequest, SlmworksError, TaskFailed
from slmworks.contract.plain_text import one_line

SILENT = 300.0
"""Seconds without a byte after which a server is taken for lost."""
FULL = "context_length_exceeded"


class ContextFull(BadRequest):
    """The conversation leaves no room for an answer."""


class ChatServer:
    """A running server, by its address."""

    def __init__(self, address: str, token: str = "") -> None:
        """`address`: http(s)://host[:port][/prefix]; BadRequest for another."""
        self._address = address.rstrip("/")
        self._parts = urlsplit(self._address)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise BadRequest(f"--url {address}: no address of a server; write http://HOST:PORT.")
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"

    def events(self, body: Mapping[str, Any]) -> Generator[Mapping[str, Any], None, None]:
        """The events of an answer. Close the iterator, and the server stops.

        BadRequest for what it refuses (ContextFull for a full context), TaskFailed where it fails.
        """
        with contextlib.closing(self._connection()) as line:
            try:
                line.request(
                    "POST", f"{self._parts.path}/v1/chat/completions", json.dumps(body), self._headers
                )
                reply = line.getresponse()
                if reply.status != 200:
                    raise _refused(reply.status, reply.read())
                yield from _events(reply)
            except (OSError, http.client.HTTPException) as error:
                what = one_line(getattr(error, "strerror", None) or error)
                raise BadRequest(
                    f"{self._address} does not answer ({what}); start it with  slmworks serve NAME, or leave "
                    "out --url."
                ) from None

    def _connection(self) -> http.client.HTTPConnection:
        where = self._parts.netloc.rpartition("@")[2]
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(where, timeout=SILENT)
        return http.client.HTTPSConnection(where, timeout=SILENT, context=ssl.create_default_context())


def _events(reply: http.client.HTTPResponse) -> Iterator[Mapping[str, Any]]:
    for line in reply:
        said = line.decode().strip().removeprefix("data: ")
        if said == "[DONE]":
            return
        if said:
            event = json.loads(said)
            if "error" in event:
                raise TaskFailed(one_line(event["error"]["message"]))
            yield event
    raise TaskFailed("the server ended in the middle of the answer.")


def _refused(status: int, body: bytes) -> SlmworksError:
    """The server's own line."""
    try:
        found = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        found = ""
    line, code = (found.get("message"), found.get("code")) if isinstance(found, dict) else (found, None)
    said = one_line(line or f"the server answers {status}; is it one of slmworks?")[:400]
    if status == 404 and not code:
        said = "that server generates no text; start one of a generator with  slmworks serve NAME."
    if code == FULL:
        return ContextFull(said)
    return BadRequest(said) if status < 500 else TaskFailed(said)
