"""Who may ask, before anything is read: the name asked by, a token, and room for one more question."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from slmworks_serve.connections import Connections
from slmworks_serve.hosts import Hosts
from slmworks_serve.limits import Refused
from slmworks_serve.replies import Receive, Scope, Send, refusal, reply
from slmworks_serve.tokens import Tokens

if TYPE_CHECKING:
    from slmworks_serve.metrics import Metrics

App = Callable[[Scope, Receive, Send], Awaitable[None]]

KNOWN = "slmworks.known"
"""Key of a request's scope: whether it may see all there is to see."""
_OPEN = ("/health", "/ready")
"""What is answered without a token; `/ready` then says less."""
_ALWAYS = (*_OPEN, "/metrics")
"""What is answered however many questions are open."""


@dataclass(frozen=True)
class Access:
    """Who may ask a server."""

    hosts: Hosts = field(default_factory=Hosts)
    tokens: Tokens | None = None
    """None: whoever reaches it."""


class Guard:
    """The ASGI application in front of the others: it refuses, or hands on, questions by the shortest way.

    What comes to the port `apart` is for those who run the server: it has an application of its own, and asks
    for no token.
    """

    def __init__(
        self,
        access: Access,
        connections: Connections,
        metrics: "Metrics",
        app: App,
        questions: Mapping[str, App],
        apart: tuple[int, App] | None = None,
        prefix: str = "",
    ) -> None:
        """`questions`: what answers to POST, by path; `prefix`: the path under which `app` answers too."""
        self._questions = questions
        self._open = frozenset(at + path for at in ("", prefix) for path in _OPEN)
        self._always = frozenset(at + path for at in ("", prefix) for path in _ALWAYS)
        self._access, self._connections, self._metrics, self._app = access, connections, metrics, app
        self._apart = apart or (None, app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""
        address, port = scope["server"] or ("", None)
        apart = port is not None and port == self._apart[0]
        try:
            self._check(scope, address, apart=apart)
        except Refused as refused:
            self._metrics.refused(refused.status)
            form = getattr(self._questions.get(scope["path"]), "refusal", refusal)
            await reply(send, *form(refused))
            return
        if apart:
            app = self._apart[1]
        else:
            app = self._questions.get(scope["path"], self._app) if scope["method"] == "POST" else self._app
        await app(scope, receive, send)

    def _check(self, scope: Scope, address: str, *, apart: bool) -> None:
        headers, path, tokens = scope["headers"], scope["path"], self._access.tokens
        if scope["http_version"] not in ("1.1", "1.0"):
            raise Refused(400, "the request is not HTTP/1.1.", close=True)
        if _upgrades_with_body(headers):
            raise Refused(400, "this server speaks HTTP/1.1 only; send a body without `upgrade`.", close=True)
        self._access.hosts.check([value for name, value in headers if name == b"host"], address)
        if self._connections.crowded and path not in self._always:
            raise Refused(503, "too many questions are open; try again in a second", close=True)
        scope[KNOWN] = apart or tokens is None or tokens.open_to(headers)
        if not (scope[KNOWN] or path in self._open):
            raise Refused(401, "send a token of this server: authorization: Bearer TOKEN")


def _upgrades_with_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """A body after a wish for another protocol: the parser takes it for that protocol's, so it is lost."""
    names = {name for name, _ in headers}
    if b"upgrade" not in names or names.isdisjoint((b"content-length", b"transfer-encoding")):
        return False
    return any(name == b"connection" and b"upgrade" in value.lower() for name, value in headers)
