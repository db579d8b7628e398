"""Where hand-offs are written: a folder, or a prefix in a bucket. Whole files with names of their own."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from slmworks.contract.errors import BadRequest

OPTION = "--hand-off"


class Place(Protocol):
    """What hand-offs ask of it."""

    def write(self, key: str, data: bytes) -> None:
        """Create a file; it appears whole or not at all."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Name -> bytes of everything that is there."""


class Folder:
    """A folder on this machine, whose files only their owner reads."""

    def __init__(self, path: Path) -> None:
        """Make it; BadRequest where that cannot be, or nothing can be written."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadRequest(f"{OPTION} {path}: no folder can be made there ({error.strerror}).") from None
        if not os.access(path, os.W_OK | os.X_OK):
            raise BadRequest(f"{OPTION} {path}: cannot be written to; name another folder.")

    def write(self, key: str, data: bytes) -> None:
        """Under another name first, so that nobody reads half of it."""
        part = self.path / f".{key}.part"
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            part.replace(self.path / key)
        finally:
            part.unlink(missing_ok=True)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Files that begin with `prefix`."""
        sizes = {}
        for one in os.scandir(self.path):
            with suppress(FileNotFoundError):  # another server has just finished it
                if one.name.startswith(prefix) and one.is_file():
                    sizes[one.name] = one.stat().st_size
        return sizes


def place_of(address: str) -> Place:
    """A folder, or `s3://bucket/prefix`; BadRequest for neither."""
    if "://" not in address:
        return Folder(Path(address))
    from slmworks.store import open_store
    from slmworks.store.address import CLOUDS

    if address.partition("://")[0] not in CLOUDS:
        raise BadRequest(f"{OPTION} {address}: no such kind of place; name a folder or s3://bucket/prefix.")
    return open_store(address)
