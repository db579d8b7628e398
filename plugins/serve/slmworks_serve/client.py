"""Start a server on a free port of this machine, ask it something over HTTP, and stop it."""

import contextlib
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest, TaskFailed, with_article
from slmworks.contract.model_task import ModelTask, Row, only_text
from slmworks.registry.log import Registry
from slmworks.registry.release import Approved, approved_release
from slmworks_serve.run import listen, server

if TYPE_CHECKING:
    from slmworks.contract.artifact import Model
    from slmworks.store import Store

ANSWER = 150.0
"""Seconds to wait for an answer: longer than a server with its own limits takes for a generated one."""

__all__ = ["Exchange", "ask", "ask_once", "ask_release", "running"]


@dataclass(frozen=True)
class Exchange:
    """One question to a server and its answer."""

    task: ModelTask
    address: str
    """Of the route that was asked."""
    ready: Mapping[str, Any]
    """The reply of `/ready`: the release that is served."""
    question: Row
    answer: Mapping[str, Any]

    @property
    def asked(self) -> str:
        """The question for people: its text, or its inputs as JSON."""
        name = only_text(self.task)
        return str(self.question[name]) if name else json.dumps(dict(self.question), ensure_ascii=False)


def ask_once(
    store: "Store", name: str, version: int | None, words: str, *, draft: "Model | None" = None
) -> Exchange:
    """Serve an approved version just long enough to ask it `words`: a text, or a JSON object of inputs."""
    return ask_release(approved_release(Registry(store), name, version), words, draft=draft)


def ask_release(
    approved: Approved, words: str | None = None, *, threads: int = 1, draft: "Model | None" = None
) -> Exchange:
    """The same for a release that was verified; None asks its example.

    `draft`: a model that guesses tokens ahead.
    """
    service, once = server(approved, threads=threads, draft=draft)
    task = service.model.task
    question = service.model.example if words is None else _row(task, words)
    with running(once) as address:
        route = f"{address}/{task.route}"
        return Exchange(task, route, ask(f"{address}/ready"), question, ask(route, dict(question)))


def _row(task: ModelTask, words: str) -> Row:
    if name := only_text(task):
        return {name: words}
    try:
        found = json.loads(words)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadRequest(
            f"{with_article(task.name)} model is asked a JSON object with {', '.join(task.inputs)}, "
            "not a text."
        )
    return found


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


def ask(url: str, question: dict[str, Any] | None = None, *, token: str = "") -> dict[str, Any]:
    """GET `url`, or POST a question to it; the answer's JSON object. Proxies are not asked.

    `token`: for a server that asks for one. The server's own line when it refuses: as BadRequest, or as
    TaskFailed where the question is not to blame.
    """
    data = json.dumps(question).encode() if question else None
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data, headers)  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=ANSWER if question else 30) as reply:
            return dict(json.load(reply))
    except urllib.error.HTTPError as refused:
        kind = BadRequest if refused.code < 500 else TaskFailed
        with refused:
            raise kind(f"the server answers {refused.code}: {json.load(refused)['error']}") from None
