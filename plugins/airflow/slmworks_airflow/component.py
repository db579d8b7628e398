"""One program that runs beside others: its log, its end, and the end of everything that it started."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slmworks.machine.process import PR_SET_PDEATHSIG


@dataclass
class Component:
    """A program in a session of its own: by that, what it started is found even when it is gone itself."""

    name: str
    words: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it; it asks itself to stop when this process is killed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.words,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_stops_with_its_parent,  # noqa: PLW1509 - no thread runs here
            )

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended."""
        return self.process.poll() if self.process else None

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.code is None

    def wait(self) -> int:
        """Until it ends; its exit code."""
        return self.process.wait() if self.process else 0

    def ask_to_stop(self) -> None:
        """TERM, to itself alone: it ends what it started."""
        if self.process and self.runs:
            self.process.terminate()

    def members(self) -> list[int]:
        """The numbers of all processes of its session that live."""
        import psutil

        found = []
        for one in psutil.process_iter(["status"]):
            with contextlib.suppress(OSError):
                ours = self.process is not None and os.getsid(one.pid) == self.process.pid
                if ours and one.info["status"] != psutil.STATUS_ZOMBIE:
                    found.append(one.pid)
        return found

    def kill(self) -> None:
        """KILL, to everything of its session."""
        for pid in self.members():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait()

    def last_words(self, lines: int = 15) -> str:
        """Where its log is, and the end of it."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        last = [line for line in text.splitlines() if line.strip()][-lines:]
        return "\n  ".join([f"the end of {self.log} is", *last])


def _stops_with_its_parent() -> None:
    """In the new process, before it becomes the program: TERM when its parent ends (Linux; else nothing)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
