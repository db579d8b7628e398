"""Downloads that end: at a limit, at the door of a private host."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from slmworks.contract.artifact import Files
from slmworks.contract.errors import BadRequest
from slmworks.fetch.redirects import inside

Fetched = Callable[..., Files]


@pytest.fixture
def endless() -> Iterator[tuple[str, list[int]]]:
    """A server that never says how much it sends, and gives up after 50 MB; the bytes it could send."""
    sent: list[int] = []

    class Endless(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                sent.extend(self.wfile.write(bytes(10**6)) for _ in range(50))

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", sent
    server.shutdown()
    server.server_close()


def test_a_download_without_end_is_stopped(fetch: Fetched, endless: tuple[str, list[int]]) -> None:
    address, sent = endless
    with pytest.raises(BadRequest, match=r"a\.csv: is more than 0\.001 GB\. If that is meant, set max_gb"):
        fetch({"max_gb": 0.001}, x=f"{address}/a.csv")
    assert sum(sent) < 40 * 10**6


def test_a_size_that_is_said_is_believed_before_anything_is_read(fetch: Fetched, serve: Callable) -> None:
    address, _ = serve({"/a.csv": b"x" * 5000})
    with pytest.raises(BadRequest, match="is more than 1e-06 GB"):
        fetch({"max_gb": 1e-6}, x=f"{address}/a.csv")
    assert (fetch({"max_gb": 1e-5}, x=f"{address}/a.csv").folder("x") / "a.csv").stat().st_size == 5000


def test_a_folder_of_too_many_or_too_large_files(fetch: Fetched) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("a", "b", "c"):
        memory.pipe(f"/limited/{name}", bytes(1000))
    with pytest.raises(BadRequest, match="memory://limited: holds more than 2 files"):
        fetch({"max_files": 2}, x="memory://limited")
    with pytest.raises(BadRequest, match="memory://limited: is more than 2e-06 GB"):
        fetch({"max_gb": 2e-6}, x="memory://limited")


def test_names_on_a_file_system(fetch: Fetched) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("Read", "read"):
        memory.pipe(f"/twins/{name}", b"")
    with pytest.raises(BadRequest, match="'Read' and 'read' are one file on some disks"):
        fetch(x="memory://twins")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, str], list[str]]]:
    """A proxy that answers for all hosts: where URLs redirect to, and the URLs that it was asked for."""
    redirects: dict[str, str] = {}
    seen: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            to = redirects.get(self.path)
            self.send_response(302 if to else 200)
            if to:
                self.send_header("Location", to)
            self.send_header("Content-Length", "0" if to else "2")
            self.end_headers()
            if not to:
                self.wfile.write(b"hi")

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    yield redirects, seen
    server.shutdown()
    server.server_close()


PUBLIC = "http://93.184.216.34/a.csv"


@pytest.mark.parametrize("private", ["10.0.0.1", "127.0.0.1:8500", "169.254.169.254", "[::1]", "192.168.1.1"])
def test_a_public_host_leads_to_no_private_one(
    fetch: Fetched, proxy: tuple[dict[str, str], list[str]], private: str
) -> None:
    redirects, seen = proxy
    redirects[PUBLIC] = f"http://{private}/latest/meta-data"
    with pytest.raises(BadRequest, match=r"93\.184\.216\.34: redirects to .*, a private address; refused"):
        fetch(x=PUBLIC)
    assert set(seen) == {PUBLIC}


def test_other_redirects_are_followed(fetch: Fetched, proxy: tuple[dict[str, str], list[str]]) -> None:
    redirects, _ = proxy
    redirects[PUBLIC] = "http://1.1.1.1/b.csv"
    redirects["http://10.0.0.1/a.csv"] = "http://10.0.0.2/b.csv"
    files = fetch(public=PUBLIC, private="http://10.0.0.1/a.csv")
    assert (files.folder("public") / "a.csv").read_bytes() == b"hi"
    assert (files.folder("private") / "a.csv").read_bytes() == b"hi"


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("127.8.9.1", True),
        ("::ffff:10.0.0.1", True),
        ("fe80::1", True),
        ("fd00::1", True),
        ("100.64.0.1", True),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("no-such-host.invalid", False),
    ],
)
def test_inside(host: str | None, private: bool) -> None:
    assert asyncio.run(inside(host)) is private
