"""Objects that `slmworks gc` has laid aside, and what happens when somebody asks for them after all.

    aside/objects/<digest>    nothing needs this object since then; its bytes are still in their place
    removing/<digest>         a collector is removing it at this moment

Who needs an object takes its mark away first and looks for a collector then; a collector says first that it
is removing, and looks for the mark then. So one of the two always sees the other, on any number of machines,
without a lock.
"""

import socket
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slmworks.store.contract import Store

STALE = 600.0
"""Seconds after which a collector that is removing an object is taken for dead."""
QUICK = 60.0
"""Seconds within which a collector begins to remove, or leaves it: far less than `STALE`."""


def mark_of(digest: str) -> str:
    """Key of the mark of an object that nothing needs."""
    return f"aside/objects/{digest}"


def removing(digest: str) -> str:
    """Key that is there while an object is being removed."""
    return f"removing/{digest}"


def revive(store: "Store", digest: str) -> None:
    """Take an object's mark away, before looking for it; returns when no collector is at work on it."""
    if store.read(mark_of(digest)) is None:
        return
    store.remove(mark_of(digest))
    while (since := store.read(removing(digest))) is not None:
        if is_stale(since):
            store.remove(removing(digest))
            return
        time.sleep(0.05)


def remove(store: "Store", digest: str, mark: bytes) -> bool:
    """Remove a marked object for good; False when somebody needs it now, or another collector is at it.

    The caller holds the machine's lease on collecting: what this machine says to be removing, a kill left.
    """
    begun, said = time.monotonic(), f"{datetime.now(UTC).isoformat()} {_machine()}".encode()
    if not store.create(removing(digest), said):
        if not _is_left(store.read(removing(digest)) or b""):
            return False
        store.write(removing(digest), said)
    wanted = store.read(mark_of(digest)) != mark
    if not wanted and time.monotonic() - begun < QUICK:
        store.drop(digest)
        store.remove(mark_of(digest))
    store.remove(removing(digest))
    return not wanted


def sweep_removals(store: "Store") -> None:
    """Take away what killed collectors said to be removing. The caller holds the machine's lease."""
    for digest in store.children("removing"):
        if _is_left(store.read(removing(digest)) or b""):
            store.remove(removing(digest))


def _is_left(said: bytes) -> bool:
    return is_stale(said) or said.endswith(f" {_machine()}".encode())


def is_stale(since: bytes) -> bool:
    """Whether a collector said so long ago that it is removing that it must be dead."""
    try:
        age = datetime.now(UTC) - datetime.fromisoformat(since.decode().partition(" ")[0])
    except ValueError:
        return True
    return age.total_seconds() > STALE


def _machine() -> str:
    return f"{socket.gethostname()}/{uuid.getnode():x}"
