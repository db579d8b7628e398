"""Serve the approved champion of a name: verify every file, then listen.

Refuses an unapproved, rejected, rolled-back or edited version before a port is opened. What `slmworks pull`
brought comes here verified (`slmworks.registry.pulled`).
"""

import contextlib
import errno
import signal
import socket
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.machine.cores import usable_cores
from slmworks.registry.log import Registry
from slmworks.registry.release import Approved, approved_release
from slmworks_serve.app import Service, create_apart, create_app, endpoints
from slmworks_serve.batch_size import paced
from slmworks_serve.follow import Follow
from slmworks_serve.guard import Access, Guard
from slmworks_serve.hand_off import HandOff
from slmworks_serve.hosts import Hosts
from slmworks_serve.limits import Limits
from slmworks_serve.model import load, require_generator, slots_of
from slmworks_serve.openapi import Shown

if TYPE_CHECKING:
    from slmworks.contract.artifact import Model
    from slmworks.store import Store

__all__ = ["listen", "serve", "serve_release", "server"]


def serve(
    store: "Store",
    name: str,
    version: int | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    threads: int | None = None,
    limits: Limits | None = None,
    prefix: str = "",
    access: Access | None = None,
    metrics_port: int | None = None,
    follow: bool = True,
    draft: "Model | None" = None,
    hand_off: HandOff | None = None,
) -> None:
    """Answer until SIGTERM or SIGINT; prints where. `port` 0 takes a free one.

    Without a version it serves the champion and follows the log to the next one and back, unless
    `follow` is off. `threads` batches are computed side by side; None: as many as there are cores.
    `prefix` is the path under which a gateway shows the server. `access` says who may ask, by which names;
    with a `metrics_port`, digests and metrics are there and nowhere else. `draft`: a model that guesses
    tokens ahead of the version that is loaded first, and of no other. `hand_off`: where questions out of its
    scope are kept.
    """
    registry = Registry(store)
    approved = approved_release(registry, name, version)
    followed = registry if follow and version is None else None
    serve_release(
        approved,
        followed,
        host=host,
        port=port,
        threads=threads,
        limits=limits,
        prefix=prefix,
        access=access,
        metrics_port=metrics_port,
        draft=draft,
        hand_off=hand_off,
    )


def serve_release(
    approved: Approved,
    followed: Registry | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    threads: int | None = None,
    limits: Limits | None = None,
    prefix: str = "",
    access: Access | None = None,
    metrics_port: int | None = None,
    draft: "Model | None" = None,
    hand_off: HandOff | None = None,
) -> None:
    """The same for a release that was verified. It stays the one that answers where no log is `followed`."""
    name = approved.entry.name
    with contextlib.ExitStack() as open_sockets:
        sockets = [
            open_sockets.enter_context(listen(host, one)) for one in (port, metrics_port) if one is not None
        ]
        address, *apart = (_address(host, sock) for sock in sockets)
        service, running = server(
            approved,
            threads=threads or usable_cores(),
            limits=limits,
            prefix=prefix,
            access=access or Access(Hosts([host])),
            apart=sockets[-1].getsockname()[1] if apart else None,
            draft=draft,
        )
        service.model = paced(service.model, service.limits.max_batch)
        service.hand_offs = hand_off.opened(service) if hand_off else None
        parts = [
            f"{name} v{approved.entry.version} answers at {address}/{service.model.task.route}",
            *(() if access and access.tokens else (f"page {address}/docs",)),  # a browser sends no token
            *(f"metrics {one}/metrics" for one in apart),
            *((f"hand-offs in {hand_off.address}",) if hand_off else ()),
            *((f"guesses of draft {draft.digest[:12] or draft.path.name}",) if draft else ()),
            "Ctrl-C stops it",
        ]
        following = Follow(service, followed) if followed else None
        with _stopped_quietly(running):
            print(" · ".join(parts), flush=True)
            for one in (following, service.hand_offs):
                if one:
                    one.start()
            running.run(sockets=sockets)
        for one in (following, service.hand_offs):
            if one:
                one.stop()
    print(f"{name} v{service.model.served.version} stopped", flush=True)


def _address(host: str, sock: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"


def server(
    approved: Approved,
    *,
    threads: int,
    limits: Limits | None = None,
    prefix: str = "",
    access: Access | None = None,
    apart: int | None = None,
    draft: "Model | None" = None,
) -> tuple[Service, Any]:
    """The service of a verified release and a uvicorn server around it, not yet running.

    `apart`: the port at which those who run it ask for digests and metrics. `draft`: a model that guesses
    tokens ahead of the release's.
    """
    access = access or Access()
    try:
        import uvicorn

        from slmworks_serve.http_protocol import HeadWithin

        model = load(approved, slots_of(limits, threads, draft))
        require_generator(model, limits)
        drafts = {model.served.version: draft} if draft else {}
        service = Service(model, threads, limits, prefix, digest=apart is None, drafts=drafts)
        app = create_app(service, Shown(release=apart is None, tokens=access.tokens is not None))
        own = (apart, create_apart(service)) if apart is not None else None
        asked = {at + path: one for path, one in endpoints(service).items() for at in ("", prefix)}
        guard = Guard(access, service.connections, service.metrics, app, asked, own, prefix)
    except ModuleNotFoundError as error:
        raise BadRequest(f"serving needs {error.name}: pip install 'slmworks-serve[run]'") from error
    config = uvicorn.Config(
        guard,
        interface="asgi3",
        http=partial(HeadWithin, service.limits.deadline, service.limits.patience, service.connections),
        ws="none",
        headers=[("x-content-type-options", "nosniff")],
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=service.limits.grace,
    )
    running = uvicorn.Server(config)
    service.stopping = lambda: bool(running.should_exit)
    return service, running


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
            sock.listen(1024)
            undo.pop_all()
    except OSError as error:
        what = (
            f"port {port} is in use" if error.errno == errno.EADDRINUSE else f"cannot listen there ({error})"
        )
        raise BadRequest(f"{host}:{port}: {what}. Choose another: slmworks serve … --port 0.") from None
    return sock


@contextlib.contextmanager
def _stopped_quietly(running: Any) -> Iterator[None]:
    """Take what comes before uvicorn listens to signals, and the one that it raises again once it stopped.

    To have stopped is not an error.
    """

    def stop(_number: int, _frame: FrameType | None) -> None:
        running.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
