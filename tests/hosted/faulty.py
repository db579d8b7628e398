"""A server of OpenAI's routes that misbehaves as it is told, on a free port of this machine."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

KEY = "sk-proj-a1B2c3D4e5F6g7H8i9J0k1L2"


def reply(
    text: str | None = "yes", *, model: str = "big", finish: str = "stop", **more: Any
) -> dict[str, Any]:
    """A sound reply to a chat: 10 tokens read, 5 written."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return {"object": "chat.completion", "model": model, "choices": [choice], "usage": usage, **more}


Answer = Callable[["Handler", dict[str, Any]], None]


class Handler(BaseHTTPRequestHandler):
    """One request; the server's `answer` decides what becomes of it."""

    protocol_version = "HTTP/1.1"
    server: "Faulty"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append((self.path, body, self.headers.get("Authorization", "")))
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            self.server.answer(self, body)
        finally:
            with self.server.lock:
                self.server.open -= 1

    def send(self, status: int, body: Any, *, kind: str = "application/json", **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def error(self, status: int, message: str = "no", code: str = "", **headers: str) -> None:
        self.send(status, {"error": {"message": message, "code": code, "type": ""}}, **headers)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Faulty(ThreadingHTTPServer):
    """Answers every request by `answer`; `asked` has (path, body, authorization) of each."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, answer: Answer = lambda handler, body: handler.send(200, reply(said(body)))) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked, self.lock = answer, [], threading.Lock()
        self.open = self.most_open = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: Any) -> None:
        """A client that hung up is no news."""


def said(body: dict[str, Any]) -> str:
    """An answer that depends on the question."""
    return f"to {body['messages'][-1]['content']}"


def in_turn(*answers: Answer, then: Answer | None = None) -> Answer:
    """These answers, one a request, and then another one for ever."""
    left = list(answers)
    after = then or (lambda handler, body: handler.send(200, reply(said(body))))
    lock = threading.Lock()

    def answer(handler: Handler, body: dict[str, Any]) -> None:
        with lock:
            mine = left.pop(0) if left else after
        mine(handler, body)

    return answer


def hang(handler: Handler, body: dict[str, Any]) -> None:
    """Say nothing for a while."""
    time.sleep(1.5)
    handler.close_connection = True


def close(handler: Handler, body: dict[str, Any]) -> None:
    """Close the connection in the middle of a reply."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", "500")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.wfile.flush()
    handler.connection.close()
    handler.close_connection = True
