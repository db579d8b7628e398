"""A real S3-speaking server in a process of its own, and a bucket in it for every test."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Server:
    """Where it listens, and what can be done to it."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"

    def send(self, path: str, data: bytes = b"", method: str = "PUT") -> None:
        request = urllib.request.Request(
            f"{self.endpoint}{path}", data=data, method=method, headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request, timeout=10).close()

    def fault(self, **what: Any) -> None:
        """Misbehave from now on; no arguments: be good again."""
        self.send("/_fault", json.dumps(what).encode())

    def check_credentials(self, *, on: bool) -> None:
        """Whether signatures and policies count."""
        self.send("/moto-api/reset-auth", b"0" if on else b"inf", "POST")


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    pytest.importorskip("moto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path_factory.mktemp("s3") / "server.log").open("wb")
    script = Path(__file__).parent / "store" / "s3_server.py"
    with subprocess.Popen([sys.executable, str(script), str(port)], stdout=log, stderr=log) as process:
        found = Server(port)
        for _ in range(600):
            try:
                found.fault()
                break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("the S3 server did not start")
        yield found
        process.kill()


@pytest.fixture
def s3(s3_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a store in an empty bucket; the environment says how to reach it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": f"hush-{uuid.uuid4().hex}",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server.endpoint,
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
        "SLMWORKS_CACHE": str(tmp_path / "here"),
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex[:8]}"
    s3_server.send(f"/{bucket}")
    yield f"s3://{bucket}/team"
    s3_server.fault()


@pytest.fixture
def secret(s3: str) -> str:
    """What must never be found anywhere but in the environment."""
    return os.environ["AWS_SECRET_ACCESS_KEY"]
