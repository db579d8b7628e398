"""Serve the approved champion of a name: verify every file, then listen.

Refuses an unapproved, rejected, rolled-back or edited version before a port is opened.
"""

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from slmworks.errors import BadRequest
from slmworks.registry import Registry
from slmworks.release import Approved, approved_release
from slmworks_serve.app import Served, create_app

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["listen", "serve", "server"]

GRACE = 10
"""Seconds that requests in flight have left when the server is told to stop."""


def serve(
    store: "Store", name: str, version: int | None = None, *, host: str = "127.0.0.1", port: int = 8000
) -> None:
    """Answer until SIGTERM or SIGINT; prints where. `port` 0 takes a free one."""
    approved = approved_release(Registry(store), name, version)
    label = f"{name} v{approved.entry.version}"
    with listen(host, port) as sock:
        running = server(approved, threads=os.cpu_count() or 1)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{sock.getsockname()[1]}"
        print(f"{label} answers at {address}/classify · page {address}/docs · Ctrl-C stops it", flush=True)
        with _stopped_quietly():
            running.run(sockets=[sock])
    print(f"{label} stopped", flush=True)


def server(approved: Approved, *, threads: int) -> Any:
    """A uvicorn server around a verified release, not yet running."""
    try:
        import uvicorn

        entry = approved.entry
        served = Served(entry.name, entry.version, entry.model_digest, entry.wrapper_digest)
        app = create_app(approved.folder, served, threads)
    except ModuleNotFoundError as error:
        raise BadRequest(f"serving needs {error.name}: pip install 'slmworks-serve[run]'") from error
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=GRACE)
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; BadRequest when the address cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            # With its protocol named, unlike `create_server`'s: asyncio sets TCP_NODELAY only then, and
            # without it every answer on a kept connection waits 40 ms for an acknowledgement.
            sock = undo.enter_context(socket.socket(family, kind, proto))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(128)
            undo.pop_all()
    except OSError as error:
        what = (
            f"port {port} is in use" if error.errno == errno.EADDRINUSE else f"cannot listen there ({error})"
        )
        raise BadRequest(f"{host}:{port}: {what}. Choose another: slmworks serve … --port 0.") from None
    return sock


@contextlib.contextmanager
def _stopped_quietly() -> Iterator[None]:
    """Uvicorn stops gracefully on a signal and then raises it again: to have stopped is not an error."""

    def ignore(number: int, frame: FrameType | None) -> None:
        """Take the signal that was acted on already."""

    before = {number: signal.signal(number, ignore) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
