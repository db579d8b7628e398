"""A fake Kubeflow Pipelines API server (v2beta1) on 127.0.0.1 that checks every request and every answer.

    with FakeKfp(token="secret") as kfp:
        client = kfp_sdk.Client(host=kfp.url, existing_token="secret")
        …
        assert not kfp.violations

The checks come from the client that is generated from KFP's swagger (kfp_swagger.py), the behaviour from the API server's
sources (kfp_records.py, kfp_spec.py). An operation that it does not serve is answered 501, and is a violation.
"""

import email
import json
import re
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import kfp_swagger
from kfp_records import Records
from kfp_request import Json, Refused, Request, wrong

GRPC = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 501: 12, 503: 14, 504: 4}
TYPES = {"int": r"-?\d+", "bool": "true|false"}


@dataclass
class Fault:
    """An answer instead of KFP's, for requests whose method and path match ("" matches all)."""

    status: int
    match: str
    method: str
    times: int
    """How many of them; -1: all."""

    def due(self, request: Request) -> bool:
        """Whether it strikes this request; it is counted when it does."""
        matches = self.method in ("", request.method) and self.match in request.path
        if not matches or self.times == 0:
            return False
        self.times -= 1
        return True


class FakeKfp(Records):
    """The server: what it was asked, what was wrong with that, and what it shall do next."""

    def __init__(self, token: str | None = None, *, multi_user: bool = False) -> None:
        super().__init__(multi_user=multi_user)
        self.token = token
        """The bearer token that a gateway before KFP demands; None: none."""
        self.requests: list[Request] = []
        self.violations: list[str] = []
        self.faults: list[Fault] = []
        self.port = 0
        self._one_at_a_time = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to answer; after `stop` on the same port, with all that it knew."""
        door = type("Door", (Door,), {"kfp": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), door)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def stop(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fail(self, status: int, match: str = "", *, method: str = "", times: int = -1) -> None:
        """Answer this status to what matches from now on; `faults.clear()` ends it."""
        self.faults.append(Fault(status, match, method, times))

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of one method whose path, after /apis/v2beta1, this pattern matches in full."""
        whole = re.compile(f"/apis/v2beta1{path}")
        return [one for one in self.requests if one.method == method and whole.fullmatch(one.path)]

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> tuple[int, bytes]:
        """Status and JSON for one request."""
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        request = Request(method, parts.path, dict(pairs), headers)
        with self._one_at_a_time:
            self.requests.append(request)
            try:
                request.status, (kind, made) = 200, self._serve(request, pairs, raw)
            except Refused as refused:
                kind, made = self._refusal(request, refused)
            except Exception as bug:
                kind, made = self._refusal(request, Refused(500, f"the fake broke: {bug!r}", wrong=True))
            if found := kfp_swagger.problems(kind, made, answer=True):
                _, made = self._refusal(
                    request, Refused(500, f"the fake's answer: {'; '.join(found)}", wrong=True)
                )
            return request.status, json.dumps(made).encode()

    def _refusal(self, request: Request, refused: Refused) -> tuple[str, Json]:
        request.status = refused.status
        if refused.wrong:
            self.violations.append(f"{request.method} {request.path}: {refused}")
        return "GoogleRpcStatus", {"code": GRPC.get(refused.status, 2), "message": str(refused)}

    def _serve(self, request: Request, pairs: list[tuple[str, str]], raw: bytes) -> tuple[str, Json]:
        given = request.headers.get("authorization", "")
        if self.token is not None and given != f"Bearer {self.token}":
            raise Refused(401, "Request header error: the bearer token is missing or not valid")
        for fault in self.faults:
            if fault.due(request):
                raise Refused(
                    fault.status, f"the test has {request.method} {request.path} answered {fault.status}"
                )
        found = kfp_swagger.find(request.method, request.path)
        if found is None:
            raise Refused(404, f"Not Found: KFP has no {request.method} {request.path}", wrong=True)
        operation, request.ids = found
        request.body = _body(operation, request, raw)
        _check_query(operation, pairs)
        for fault in self.faults:
            if fault.due(request):
                raise Refused(
                    fault.status, f"the test has {request.method} {request.path} answered {fault.status}"
                )
        serve = getattr(self, operation.name, None)
        if serve is None:
            raise Refused(501, f"this fake does not serve {operation.name}", wrong=True)
        return operation.answer, serve(request)


def _body(operation: kfp_swagger.Operation, request: Request, raw: bytes) -> Any:
    if operation.file:
        return _uploaded(operation.file, request.headers.get("content-type", ""), raw)
    if not operation.body and not raw:
        return None
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise wrong(f"the body is not JSON: {error}") from None
    if not operation.body:
        raise wrong(f"{operation.name} takes no body")
    if found := kfp_swagger.problems(operation.body, body):
        raise wrong("; ".join(found))
    return body


def _uploaded(name: str, content_type: str, raw: bytes) -> str:
    """The one file of a multipart/form-data body."""
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    parts = message.get_payload() if message.get_content_type() == "multipart/form-data" else []
    names = [part.get_param("name", header="content-disposition") for part in parts]
    if names != [name]:
        raise wrong(f"multipart/form-data with {name} is wanted, not {content_type} with {names}")
    return str(parts[0].get_payload(decode=True).decode())


def _check_query(operation: kfp_swagger.Operation, pairs: list[tuple[str, str]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise wrong(f"a query parameter is given twice: {pairs}")
    for name, value in pairs:
        if name not in operation.query:
            raise wrong(f"{operation.name} has no query parameter {name!r}")
        kind = operation.query[name]
        if not re.fullmatch(TYPES.get(kind, ".*"), value, re.DOTALL):
            raise wrong(f"the query parameter {name} is {value!r}, which is no {kind}")


class Door(BaseHTTPRequestHandler):
    """HTTP in and out; every answer closes its connection, so `stop` leaves none open."""

    kfp: FakeKfp

    def _answer(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, said = self.kfp.answer(self.command, self.path, headers, raw)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing: `requests` has it."""
