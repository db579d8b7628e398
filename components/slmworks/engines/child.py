"""Child processes of the local engine: start a task, read its events, end it.

A fork server (of the standard library) imports the core once and forks for each task, so a task starts in
milliseconds and still has a process of its own. It never loads more than the core: libraries that
start threads (torch, ONNX Runtime) are imported by the task, after the fork.
"""

import contextlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from slmworks.engines.other_python import ForeignProcess
from slmworks.execution.spec import TaskSpec
from slmworks.machine.process import environment

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

CORE = ("slmworks.engines.entry", "slmworks.engines.child")
"""Modules that the fork server imports. Nothing heavy and no plugin: every task imports those itself."""


@dataclass
class Child:
    """A running `slmworks task`."""

    spec: TaskSpec
    process: "BaseProcess | ForeignProcess"
    events: Connection
    """Read end of the pipe of its events, one JSON line each."""
    log: Path
    _tail: bytes = field(default=b"")
    _eof: bool = False

    @property
    def fileno(self) -> int | None:
        """Descriptor to poll for events; None once closed."""
        return None if self._eof else self.events.fileno()

    @classmethod
    def start(
        cls, spec: TaskSpec, inputs: Mapping[str, Sequence[Path]], log: Path, python: Path | None = None
    ) -> Self:
        """Start it as a process of its own, with its output in `log`; `python`: of another environment."""
        context = _context()
        read, write = context.Pipe(duplex=False)
        log.parent.mkdir(parents=True, exist_ok=True)
        given = [f"{port}={path}" for port, paths in inputs.items() for path in paths]
        env = {**os.environ, **environment(spec.threads)}
        process: BaseProcess | ForeignProcess
        if python is not None:
            words = ["task", f"--spec={spec.encode()}", *(f"--in={one}" for one in given)]
            process = ForeignProcess(python, words, write, log, env)
        else:
            process = context.Process(target=_work, args=(spec.encode(), given, write, log, env))
            process.start()
        write.close()
        os.set_blocking(read.fileno(), False)
        return cls(spec, process, read, log)

    def read_events(self) -> Iterator[dict[str, Any]]:
        """The events that have arrived."""
        while True:
            try:
                data = os.read(self.events.fileno(), 65536)
            except BlockingIOError:
                return
            if not data:
                self._eof = True
                return
            *lines, self._tail = (self._tail + data).split(b"\n")
            for line in lines:
                yield json.loads(line)

    def ended(self) -> int | None:
        """Exit code (negative: the signal that killed it), or None while it runs."""
        return self.process.exitcode

    def close(self) -> None:
        """Close the pipe and the process."""
        self.events.close()
        self.process.close()

    def kill(self) -> None:
        """End it and everything it started."""
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # it may not lead a group yet
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.join()

    def last_line(self) -> str:
        """The last line that it printed: the error of a task that left no record."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _context() -> "ForkServerContext | SpawnContext":
    if sys.platform != "linux":  # Apple's libraries don't survive a fork
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(CORE))
    return context


def _work(word: str, inputs: Sequence[str], events: Connection, log: Path, env: Mapping[str, str]) -> None:
    """Run the task in the new process, as `slmworks task` does."""
    os.setsid()  # a terminal's Ctrl-C is the engine's to pass on
    threading.Thread(target=_die_with_engine, daemon=True).start()
    os.environ.clear()  # the fork server has the environment of its own start
    os.environ.update(env)
    with log.open("wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    from slmworks.engines.entry import main

    main(word, inputs, os.dup(events.fileno()))


def _die_with_engine() -> None:
    """End this process and all that it started when the engine is gone, however that ended."""
    engine = multiprocessing.parent_process()
    assert engine is not None
    engine.join()
    os.killpg(0, signal.SIGKILL)
