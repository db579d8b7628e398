"""Checkpoints of a training: a killed one goes on from the last of them and ends with the same bytes.

A file's name holds the digest of its content, and a rename gives it that name: half a file has none. It is
written so rarely that writing takes a twentieth of the time at most.
"""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from slmworks.contract.errors import in_a_line
from slmworks.contract.manifest import file_digest

LEAST = 60.0
"""Seconds between two checkpoints at least."""
SHARE = 0.05
"""Largest share of the time that writing may take."""
PART = "part"


class Checkpoints:
    """The folder in which a training's checkpoints lie."""

    def __init__(self, folder: Path | None, belongs: Mapping[str, str], say: Callable[[str], None]) -> None:
        """`belongs`: what decides the bytes of the training; a checkpoint of another one is not taken.

        `folder` is None where nothing outlives an attempt: then nothing is written.
        """
        self.folder, self.belongs, self.say = folder, dict(belongs), say
        self.next = time.monotonic() + LEAST

    @property
    def due(self) -> bool:
        """True if it is time for the next one."""
        return self.folder is not None and time.monotonic() >= self.next

    def load(self) -> dict[str, Any] | None:
        """The latest whole state of this training; None without one. Others are named in a line."""
        for path in self._all():
            state = self._read(path)
            if state is not None:
                return state
        return None

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write the state, and remove what it replaces; a disk that refuses ends all writing with a line."""
        assert self.folder is not None
        started = time.monotonic()
        try:
            self._write(self.folder, step, state)
        except (OSError, RuntimeError) as error:  # torch says RuntimeError where a disk is full
            self.say(f"warning: no checkpoints from here on: {in_a_line(error, 120)}")
            with contextlib.suppress(OSError):
                (self.folder / PART).unlink(missing_ok=True)
            self.folder = None
        now = time.monotonic()
        self.next = now + max(LEAST, (now - started) / SHARE)

    def _write(self, folder: Path, step: int, state: Mapping[str, Any]) -> None:
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        old, part = self._all(), folder / PART
        with part.open("wb") as stream:
            torch.save({"belongs": self.belongs, "state": dict(state)}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.rename(folder / f"{step:09}-{file_digest(part)}.pt")
        for path in old:
            path.unlink(missing_ok=True)

    def _all(self) -> list[Path]:
        """Files of checkpoints, the latest first."""
        return sorted(self.folder.glob("*.pt"), reverse=True) if self.folder else []

    def _read(self, path: Path) -> dict[str, Any] | None:
        import torch

        try:
            whole = file_digest(path) == path.stem.partition("-")[2]
            read = torch.load(path, map_location="cpu", weights_only=True) if whole else {}
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, training starts without it
            self.say(f"a checkpoint is not taken: it cannot be read ({in_a_line(error, 100)})")
            return None
        if not whole:
            self.say("a checkpoint is not taken: its bytes are not those that were written")
            return None
        found = read["belongs"]
        if other := [name for name in self.belongs if found.get(name) != self.belongs[name]]:
            was, now = found.get(other[0], "?"), self.belongs[other[0]]
            self.say(f"a checkpoint is not taken: it was written with {other[0]} {was[:60]}, now {now[:60]}")
            return None
        return dict(read["state"])
