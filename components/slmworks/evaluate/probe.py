"""A process of its own for each measured model, so that its peak memory is its own.

The parent writes one JSON request a line and reads one JSON answer a line. The probe ends when its
parent does. Deliberately not a server: one model, one client, in lockstep.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from slmworks.contract.artifact import Model
from slmworks.contract.errors import TaskFailed
from slmworks.contract.model_task import Row
from slmworks.contract.runtime import Timing
from slmworks.machine.process import die_with


class Singles(NamedTuple):
    """Rows that were answered one at a time."""

    ms: list[float]
    """Milliseconds of each."""
    timings: list[Timing]
    """Of a model that writes its answers token by token: what each took. Else empty."""


class Batches(NamedTuple):
    """Rows that were answered together."""

    seconds: float
    timings: list[Timing]
    """As of singles, from the moment at which a batch was asked for."""


class Probe:
    """The parent's side: a model loaded in another process."""

    writes = False
    """The loaded model writes its answers token by token."""

    def __init__(self, process: "subprocess.Popen[str]", name: str) -> None:
        """Take over a started process."""
        self._process, self._name = process, name

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for its answer; TaskFailed if the process died."""
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("a probe needs both of its pipes")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise TaskFailed(
                f"measuring {self._name}: its process ended with code {self._process.wait()}; "
                "see its last lines above."
            )
        return json.loads(line)

    def load(self, model: Model, *, threads: int, model_task: str) -> float:
        """Load the model for a model task; returns seconds until it is ready, imports included."""
        seconds, self.writes = self.ask(
            do="load",
            path=str(model.path),
            format=model.format,
            meta=dict(model.meta),
            threads=threads,
            model_task=model_task,
        )
        return float(seconds)

    def singles(self, rows: Sequence[Row]) -> Singles:
        """Answer rows one at a time."""
        ms, timings = self.ask(do="single", rows=list(rows))
        return Singles(ms, [Timing(*one) for one in timings])

    def batches(self, rows: Sequence[Row], batch_size: int) -> Batches:
        """Answer rows, `batch_size` at a time in the given order."""
        seconds, timings = self.ask(do="batches", rows=list(rows), batch_size=batch_size)
        return Batches(seconds, [Timing(*one) for one in timings])

    def spent(self) -> tuple[float, float]:
        """CPU seconds of the process and seconds of the clock, while it answered rows since the last call."""
        cpu, clock = self.ask(do="spent")
        return float(cpu), float(clock)

    def memory(self) -> int:
        """Peak resident memory of the process so far, bytes."""
        return int(self.ask(do="memory"))


@contextlib.contextmanager
def probe(name: str) -> Iterator[Probe]:
    """Start a fresh process for one model; it is gone afterwards."""
    command = [sys.executable, "-m", __name__, str(os.getpid())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Probe(process, name)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def peak_memory() -> int:
    """Peak resident memory of this process, bytes.

    On Linux not from getrusage: its peak survives exec, so a child would report its parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii", errors="replace"))
        if found:
            return int(found[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def time_singles(answer: Callable[[Sequence[Row]], object], rows: Sequence[Row]) -> list[float]:
    """Milliseconds for each row, one at a time."""
    found = []
    for row in rows:
        start = time.perf_counter()
        answer([row])
        found.append(1000 * (time.perf_counter() - start))
    return found


def time_batches(answer: Callable[[Sequence[Row]], object], rows: Sequence[Row], batch_size: int) -> float:
    """Seconds for all rows, `batch_size` at a time in the given order, as a busy server would get them."""
    start = time.perf_counter()
    for first in range(0, len(rows), batch_size):
        answer(rows[first : first + batch_size])
    return time.perf_counter() - start


class _Side:
    """The child's side: answers requests about one loaded model."""

    def __init__(self) -> None:
        self.spent = [0.0, 0.0]
        self.timings: list[Timing] = []

    def answer(self, request: dict[str, Any]) -> Any:
        match request["do"]:
            case "load":
                return self._load(request)
            case "single":
                with self._counted():
                    return time_singles(self._answer, request["rows"]), self._noted()
            case "batches":
                with self._counted():
                    taken = time_batches(self._answer, request["rows"], request["batch_size"])
                    return taken, self._noted()
            case "spent":
                spent, self.spent = self.spent, [0.0, 0.0]
                return spent
            case "memory":
                return peak_memory()
            case unknown:
                raise ValueError(f"a probe can't do '{unknown}'")

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        cpu, clock = time.process_time(), time.perf_counter()
        yield
        self.spent[0] += time.process_time() - cpu
        self.spent[1] += time.perf_counter() - clock

    def _answer(self, rows: Sequence[Row]) -> None:
        """Answer rows; one that writes token by token says when."""
        from slmworks.contract.runtime import Timed

        if isinstance(self.runtime, Timed):
            self.timings += self.runtime.timed(rows)
        else:
            self.runtime.answer(rows)

    def _noted(self) -> list[Timing]:
        found, self.timings = self.timings, []
        return found

    def _load(self, request: dict[str, Any]) -> tuple[float, bool]:
        from slmworks.contract.runtime import Timed, open_runtime

        start = time.perf_counter()
        model = Model(path=Path(request["path"]), format=request["format"], meta=request["meta"])
        self.runtime = open_runtime(model, threads=request["threads"], model_task=request["model_task"])
        return time.perf_counter() - start, isinstance(self.runtime, Timed)


def main() -> None:
    """Answer until the parent closes the pipe, or is gone."""
    die_with(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    side = _Side()
    for line in sys.stdin:
        answers.write(json.dumps(side.answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
