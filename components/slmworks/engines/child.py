"""One task as a child process of the local engine: start it, hear it, end it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from slmworks.process import environment
from slmworks.spec import TaskSpec


@dataclass
class Child:
    """A running `slmworks task`."""

    spec: TaskSpec
    process: subprocess.Popen[bytes]
    events: int
    """Read end of the pipe on which it tells its events, one JSON line each."""
    log: Path
    _tail: bytes = field(default=b"")
    _eof: bool = False

    @property
    def ears(self) -> int | None:
        """What to wait on for news: the pipe; None once it is closed and the end is near."""
        return None if self._eof else self.events

    @classmethod
    def start(cls, spec: TaskSpec, inputs: Mapping[str, Sequence[Path]], log: Path) -> Self:
        """Spawn it (never fork: torch and its threads don't survive that)."""
        read, write = os.pipe()
        given = [f"--in={port}={path}" for port, paths in inputs.items() for path in paths]
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "slmworks", "task", "--spec=-", f"--parent={os.getpid()}",
                    f"--events={write}", *given,
                ],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=(write,),
                start_new_session=True,  # a terminal's Ctrl-C is the engine's to pass on
                env={**os.environ, **environment(spec.threads)},
            )  # fmt: skip
        os.close(write)
        os.set_blocking(read, False)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:  # if it died, its code tells
            stdin.write(spec.encode().encode())
        return cls(spec, process, read, log)

    def hear(self) -> Iterator[dict[str, Any]]:
        """Events that have arrived."""
        while True:
            try:
                data = os.read(self.events, 65536)
            except BlockingIOError:
                return
            if not data:
                self._eof = True
                return
            *lines, self._tail = (self._tail + data).split(b"\n")
            for line in lines:
                yield json.loads(line)

    def ended(self) -> int | None:
        """Exit code, or None while it runs."""
        return self.process.poll()

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self.events)

    def kill(self) -> None:
        """End it and everything it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_line(self) -> str:
        """The last thing it printed: the error, for a task that died without a word."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
