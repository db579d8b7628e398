"""Start a server on a free port of this machine, ask it something over HTTP, and stop it."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, TaskFailed
from slmworks.registry.log import Registry
from slmworks.registry.release import Approved, approved_release
from slmworks_serve.run import listen, server

if TYPE_CHECKING:
    from slmworks.store import Store

__all__ = ["ask", "ask_once", "ask_release", "running"]


def ask_once(store: "Store", name: str, version: int | None, text: str) -> dict[str, Any]:
    """Serve an approved version just long enough to classify one text; gives the server's answer."""
    return ask_release(approved_release(Registry(store), name, version), text)


def ask_release(approved: Approved, text: str) -> dict[str, Any]:
    """The same for a release that was verified."""
    _, once = server(approved, threads=1)
    with running(once) as address:
        ready = ask(f"{address}/ready")
        return {**ask(f"{address}/classify", {"text": text}), "address": address, "version": ready["version"]}


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """Run the server on a free port beside the caller; gives its address."""
    with listen("127.0.0.1", 0) as sock:
        thread = threading.Thread(target=app.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not app.started:
                if not thread.is_alive() or time.monotonic() > deadline:
                    raise TaskFailed("the server did not start within 30 s.")
                time.sleep(0.02)
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            app.should_exit = True
            thread.join(15)


def ask(url: str, question: dict[str, Any] | None = None) -> dict[str, Any]:
    """GET `url`, or POST a question to it; the answer's JSON object. Proxies are not asked.

    The server's own line when it refuses: as BadRequest, or as TaskFailed where the question is not to blame.
    """
    data = json.dumps(question).encode() if question else None
    request = urllib.request.Request(url, data, {"content-type": "application/json"})  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=30) as reply:
            return dict(json.load(reply))
    except urllib.error.HTTPError as refused:
        kind = BadRequest if refused.code < 500 else TaskFailed
        with refused:
            raise kind(f"the server answers {refused.code}: {json.load(refused)['error']}") from None
