"""A real MLflow server that a test may kill and start again on the same port."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path


class MlflowServer:
    """`mlflow server` on 127.0.0.1 with SQLite and a folder for artifacts, one worker, no job runner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "MlflowServer":
        """Start it and wait until it answers."""
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", "--host=127.0.0.1", f"--port={self.port}",
                 "--workers=1", f"--backend-store-uri=sqlite:///{self.folder / 'mlflow.db'}",
                 f"--artifacts-destination={self.folder / 'artifacts'}"],
                env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        wait_for(f"{self.uri}/health")
        return self

    def kill(self) -> None:
        """kill -9, with everything it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def wait_for(url: str, seconds: float = 120) -> None:
    """Until an address answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
