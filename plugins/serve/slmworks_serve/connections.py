"""Connections that a server holds at a time, and which of them is closed to make room for another."""

import contextlib
import sys
from collections.abc import Callable
from typing import Protocol

from slmworks.contract.errors import BadRequest

MOST = 1000
"""Connections with an open question, where nothing else is asked for."""
SPARE = 32
"""Connections beyond these, so that probes get in."""
FILES = 96
"""Open files that everything else needs: libraries, the model, the log that is followed."""


class Connection(Protocol):
    """What can be closed."""

    def drop(self) -> None:
        """End it at once; nobody waits for anything on it."""


class Connections:
    """The connections of one event loop. Not for other threads to call.

    A connection is silent until a request's head is there, and again once that is answered. Where one more
    comes than may be open, the one that has been silent for longest is closed, as nginx does it: before all
    others one that never asked anything, unless there are few of these.
    """

    def __init__(self, most: int, spare: int = SPARE, *, dropped: Callable[[], None]) -> None:
        """`most` connections may have an open question; `spare` more may be open.

        `dropped` is told of each that is closed to make room, or not let in.
        """
        self._most, self._spare, self._dropped = most, spare, dropped
        self._new: dict[Connection, None] = {}
        self._kept: dict[Connection, None] = {}
        self._busy: set[Connection] = set()

    def __len__(self) -> int:
        return len(self._new) + len(self._kept) + len(self._busy)

    @property
    def crowded(self) -> bool:
        """More connections have an open question than may have one: only probes are answered."""
        return len(self._busy) > self._most

    def admit(self, one: Connection) -> bool:
        """Let one more in, if need be in another's place; False where all others are busy."""
        if len(self) >= self._most + self._spare:
            self._dropped()
            silent = self._new if len(self._new) > self._spare or not self._kept else self._kept
            longest = next(iter(silent), None)
            if longest is None:
                return False
            self.gone(longest)
            longest.drop()
        self._new[one] = None
        return True

    def asked(self, one: Connection) -> None:
        """A request's head came whole."""
        self.gone(one)
        self._busy.add(one)

    def answered(self, one: Connection) -> None:
        """No question of this connection is open any more."""
        if one in self._busy:
            self._busy.remove(one)
            self._kept[one] = None

    def gone(self, one: Connection) -> None:
        """The connection has ended."""
        self._new.pop(one, None)
        self._kept.pop(one, None)
        self._busy.discard(one)


def most_connections(asked: int | None) -> int:
    """The number asked for, else MOST or fewer, as this process may open files; BadRequest if it may not."""
    files = _open_files()
    room = MOST if files is None else files - FILES - SPARE
    if room < 1:
        raise BadRequest(
            f"a server needs {FILES + SPARE + 1} open files at least, and the limit here is {files}; raise "
            "it: ulimit -n 1024."
        )
    if asked is None:
        return min(MOST, room)
    if files is not None and asked > room:
        raise BadRequest(
            f"--max-connections {asked}: the limit of open files here is {files}, which has room for {room}; "
            f"lower it, or raise the limit: ulimit -n {asked + FILES + SPARE}."
        )
    return asked


def _open_files() -> int | None:
    """Files that this process may have open; None for any number, or where there is no such limit."""
    if sys.platform == "win32":
        return None
    import resource

    with contextlib.suppress(OSError, ValueError):
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            return soft
    return None
