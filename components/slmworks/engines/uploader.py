"""The one background process that carries a run's records to MLflow while the work goes on."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from slmworks.store import Store


@dataclass(frozen=True)
class Uploader:
    """A running `python -m slmworks.lineage --follow`. It ends by itself, also when we are gone."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, store: Store, tracking: str, run: str) -> Self:
        """Start it for one run; it takes MLflow's import time off the engine."""
        log = store.cache / "lineage.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "slmworks.lineage", "--store", store.url, "--run", run, "--follow"]
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
        """Wait until it is done; what a person must know if it is not done by then, or ''."""
        try:
            code = self.process.wait(seconds)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            return "is still being uploaded; it goes on by itself"
        return f"was not uploaded (see {self.log}); later: slmworks lineage sync" if code else ""
