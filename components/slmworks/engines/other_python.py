"""A task's process in a Python environment of its own, for families whose packages exclude each other's.

It has the five attributes of a `multiprocessing` process that `Child` uses.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from slmworks.machine.process import PARENT


class ForeignProcess:
    """`slmworks task`, started by another interpreter."""

    def __init__(
        self, python: Path, words: Sequence[str], events: Connection, log: Path, env: Mapping[str, str]
    ) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                [str(python), "-m", "slmworks", *words, f"--events={events.fileno()}"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                pass_fds=[events.fileno()],
                start_new_session=True,  # a terminal's Ctrl-C is the engine's to pass on
                env={**env, PARENT: str(os.getpid())},
            )

    @property
    def pid(self) -> int:
        """Its number, which is its group's too."""
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """Exit code (negative: the signal that killed it), or None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def join(self) -> None:
        """Wait for its end."""
        self._process.wait()

    def close(self) -> None:
        """Nothing is held open."""
