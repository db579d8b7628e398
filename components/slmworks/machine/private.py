"""Folders of one user below `$TMPDIR`, for bytes that are hashed first and then used from there."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from slmworks.machine.locks import scratch_folder, sweep


@contextlib.contextmanager
def private_folder(what: str) -> Iterator[Path]:
    """An empty folder that no other user can enter, removed afterwards; so are those of killed processes.

    PermissionError where there is no place for it.
    """
    place = _place()
    sweep(place)
    with scratch_folder(place, what) as folder:
        yield folder


def _place() -> Path:
    """The user's own folder below `$TMPDIR`. Others may write there, so whose it is counts, not its name."""
    place = Path(tempfile.gettempdir()) / f"slmworks-{os.getuid()}"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        found = place.lstat()
    except OSError as error:
        raise _refused(
            place, f"cannot be made ({error.strerror}); set TMPDIR to a folder that can be written to"
        ) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise _refused(
            place, "is not a folder of this user alone (drwx------); remove it, or set TMPDIR to another"
        )
    return place


def _refused(place: Path, why: str) -> PermissionError:
    return PermissionError(errno.EACCES, why, str(place))
