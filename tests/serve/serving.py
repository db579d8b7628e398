"""A server of a generator in this process, and how to ask it by hand."""

import json
import threading
import urllib.error
import urllib.request
from typing import Any, Self

from slmworks.registry.release import Approved
from slmworks_serve.client import running
from slmworks_serve.limits import Limits
from slmworks_serve.run import server

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Served:
    """An approved generator behind HTTP."""

    def __init__(
        self,
        approved: Approved,
        *,
        access: Any = None,
        apart: int | None = None,
        draft: Any = None,
        **limits: Any,
    ) -> None:
        self.entry = approved.entry
        self.service, running_server = server(
            approved, threads=1, limits=Limits(**limits), access=access, apart=apart, draft=draft
        )
        self._running = running(running_server)

    def __enter__(self) -> Self:
        self.address = self._running.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.__exit__(None, None, None)

    @property
    def runtime(self) -> Any:
        return self.service.model.runtime

    @property
    def generations(self) -> Any:
        return self.service.generations

    def open(self, path: str, body: Any = None, kind: str = "application/json") -> Any:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}/{path}", data, {"content-type": kind})
        return DIRECT.open(request, timeout=60)

    def text(self, path: str) -> str:
        with self.open(path) as reply:
            return reply.read().decode()

    def get(self, path: str) -> Any:
        return json.loads(self.text(path))

    def raw(self, path: str, body: Any) -> str:
        with self.open(path, body) as reply:
            return reply.read().decode()

    def post(self, path: str, body: Any) -> Any:
        return json.loads(self.raw(path, body))

    def refused(self, path: str, body: Any, kind: str = "application/json") -> tuple[int, Any]:
        try:
            with self.open(path, body, kind) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def metric(self, name: str) -> float:
        lines = self.text("metrics").splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.split("{")[0].split()[0] == f"slmworks_{name}"
        )


def beside(work: Any) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread
