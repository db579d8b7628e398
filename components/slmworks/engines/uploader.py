"""The background process that uploads a run's records to MLflow while its tasks run."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from slmworks.store import Store

LIVE = 30.0
"""Seconds between two uploads of a task on a cluster, and before the first: most tasks are over by then."""


@dataclass(frozen=True)
class Uploader:
    """A running `python -m slmworks.tracking --follow`. It ends by itself, even after the engine."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, store: Store, tracking: str, run: str, every: float = 2.0) -> Self:
        """Start it for one run; it takes MLflow's import time off the engine. `every`: seconds."""
        log = store.cache / "lineage.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "slmworks.tracking", "--store", store.url, "--run", run, "--follow"]
        command += ["--every", str(every)]
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                # not an argument: the address can hold a password, and everybody sees arguments
                env={**os.environ, "SLMWORKS_TRACKING": tracking, "MLFLOW_DISABLE_TELEMETRY": "true"},
            )
        return cls(process, log)

    def wait(self, seconds: float) -> str:
        """Wait until it is done; a line for people if it is not done by then, else ''."""
        try:
            code = self.process.wait(seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            return "is still being uploaded; it goes on by itself"
        return f"was not uploaded (see {self.log}); later: slmworks lineage sync" if code else ""


@contextlib.contextmanager
def beside(store: Store, tracking: str, run: str) -> Iterator[None]:
    """Upload the curves of a long task while the block lasts, for tasks that an orchestrator runs.

    Nothing waits for it and nothing fails with it: the rest is uploaded when the run is closed.
    """
    timer = threading.Timer(LIVE, lambda: Uploader.start(store, tracking, run, LIVE))
    timer.daemon = True
    if tracking:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
