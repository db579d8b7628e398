"""A fetch of named sources, and a web server."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from slmworks.contract.artifact import Files
from slmworks.fetch import Source
from slmworks.fetch.files import FetchFiles
from slmworks.testing import Bench

Fetched = Callable[..., Files]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "bench")


@pytest.fixture
def fetch(bench: Bench, tmp_path: Path) -> Fetched:
    """Fetch named sources, relative to `tmp_path`; `options` are the plugin's."""

    def run(options: dict[str, Any] | None = None, **texts: str) -> Files:
        sources = {name: Source.parse(text, folder=tmp_path).pin() for name, text in texts.items()}
        return FetchFiles(**(options or {})).run(
            sources=sources, task=bench.task(f"fetch{len(list(tmp_path.glob('bench/*')))}")
        )

    return run


@pytest.fixture
def serve() -> Iterator[Callable[[dict[str, bytes]], tuple[str, list[str]]]]:
    """Serve paths from memory on 127.0.0.1; gives the address and the list of requests seen."""
    servers: list[ThreadingHTTPServer] = []

    def start(
        pages: dict[str, bytes], headers: dict[str, dict[str, str]] | None = None
    ) -> tuple[str, list[str]]:
        seen: list[str] = []

        class Pages(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                seen.append(f"{self.command} {path}")
                body = pages.get(path)
                said = (headers or {}).get(path, {}).get("Status")
                self.send_response(int(said) if said else 404 if body is None else 200)
                for key, value in (headers or {}).get(path, {}).items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body or b"")

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                """Quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
