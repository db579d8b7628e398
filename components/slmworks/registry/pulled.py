"""A release that left its store: its files, and what the approval log said of it.

    approval.json   two entries of the log: the registration and the approval
    release/        the release, file by file

Written by `slmworks pull`, which asks the log; read by `slmworks serve --from`, which hashes every file and
asks nobody. Without trusted keys (`registry.signatures`) whoever may write to the folder can write both
halves of it, so mount it read-only for the one that serves.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from slmworks.contract.artifact import HEADER
from slmworks.contract.errors import BadRequest, CorruptObject, SlmworksError, TaskFailed
from slmworks.machine.locks import locked
from slmworks.registry import signatures
from slmworks.registry.log import Registry
from slmworks.registry.release import CARD, Approved, chosen, copy_files, hashed, require_approved
from slmworks.registry.state import Entry

APPROVAL = "approval.json"
RELEASE = "release"
PART = ".slmworks-pull"
"""Where a release lies until it is whole and found to be approved; what a kill left is swept."""
LOCK = ".slmworks-pull.lock"
"""Held while the folder is filled."""


class Approval(BaseModel):
    """What `approval.json` says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    registered: Entry
    approved: Entry


def pull(
    registry: Registry, name: str, folder: Path, *, version: int | None = None, model_digest: str = ""
) -> tuple[Approved, bool]:
    """Bring an approved release into `folder`, which is new or empty; False if it is there already.

    Without `version` and `model_digest` (64 hex digits) the champion is meant. BadRequest when it isn't
    approved, was edited, or the folder holds something else; then nothing stays in it.
    """
    entry = chosen(registry.state(name), version, model_digest).registered
    registry.approved(name, entry.version, entry.model_digest, entry.wrapper_digest)
    found = Approved(folder / RELEASE, entry)
    if folder.is_dir() and not os.access(folder, os.W_OK) and _holds(folder, entry):  # no lock is possible
        return found, False
    with _filling(folder):
        if _holds(folder, entry):
            return found, False
        _fetch(registry, entry, folder)
    return found, True


def pulled(folder: Path, name: str) -> Approved:
    """The release of `name` in a folder that `pull` filled, every file hashed; BadRequest if any differs."""
    said = _approval(folder, name)
    entry = said.registered
    if entry.name != name:
        raise BadRequest(f"{folder}: holds {entry.name} v{entry.version}, not {name}.")
    signatures.require(entry.version, {"its approval": said.approved})
    found = hashed(folder / RELEASE, entry)
    parts = {
        f"{RELEASE}/model/": (found.model, entry.model_digest),
        f"what is beside {RELEASE}/model/": (found.wrapper, entry.wrapper_digest),
        f"{RELEASE}/{HEADER} or {CARD}": (found.whole, entry.release),
    }
    for what, (have, approved) in parts.items():
        if have != approved:
            raise BadRequest(
                f"{folder}: {what} is not what was approved as {name} v{entry.version}: the files give "
                f"{have[:12]}, the approval names {approved[:12]}. Empty the folder and pull again: "
                f"slmworks pull {name} --to {folder}"
            )
    return Approved(folder / RELEASE, entry)


def _approval(folder: Path, name: str) -> Approval:
    """What the folder says of itself; BadRequest when that is not what `pull` writes."""
    again = f"Fetch it: slmworks pull {name} --to {folder}"
    try:
        found = Approval.model_validate_json((folder / APPROVAL).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise BadRequest(f"{folder}: holds no release that was pulled (no {APPROVAL}). {again}") from None
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"]
        raise BadRequest(f"{folder}/{APPROVAL}: not what `pull` writes ({what}). {again}") from None
    registered, approved = found.registered, found.approved
    if (registered.action, approved.action) != ("register", "approve") or _about(registered) != _about(
        approved
    ):
        raise BadRequest(f"{folder}/{APPROVAL}: is no approval of the release it names. {again}")
    return found


def _about(entry: Entry) -> tuple[str, int, str, str, str]:
    return entry.name, entry.version, entry.model_digest, entry.wrapper_digest, entry.release


# --- filling the folder ---------------------------------------------------------------------------------


@contextlib.contextmanager
def _filling(folder: Path) -> Iterator[None]:
    """Hold the folder alone while it is filled; if that fails, leave what was there before."""
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            try:
                yield
            finally:
                shutil.rmtree(folder / PART, ignore_errors=True)
    except BaseException as error:
        if made:
            with contextlib.suppress(OSError):
                if isinstance(error, OSError):  # a file that couldn't be locked; else it is another's
                    (folder / LOCK).unlink(missing_ok=True)
                folder.rmdir()
        if isinstance(error, OSError):
            raise _unwritable(folder, error) from None
        raise


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    # a file, since NFS locks no folders
    try:
        with locked(folder / LOCK, waiting=None):
            try:
                yield
            finally:
                (folder / LOCK).unlink(missing_ok=True)
    except BlockingIOError:
        raise BadRequest(f"{folder}: another `slmworks pull` is filling it; wait for that one.") from None


def _holds(folder: Path, entry: Entry) -> bool:
    """Whether exactly this release is there; BadRequest when anything else is."""
    there = {path.name for path in folder.iterdir()} - {PART, LOCK}
    if not there:
        return False
    if not there <= {APPROVAL, RELEASE} or APPROVAL not in there:
        raise BadRequest(
            f"{folder}: holds something already ({min(there)}); give --to a new or empty folder."
        )
    held = _approval(folder, entry.name).registered
    if RELEASE not in there:  # a kill came between the two renames
        return False
    if _about(held) != _about(entry):
        raise BadRequest(
            f"{folder}: holds {held.name} v{held.version}, not {entry.name} v{entry.version}; "
            "give --to a new or empty folder."
        )
    pulled(folder, entry.name)
    return True


def _fetch(registry: Registry, entry: Entry, folder: Path) -> None:
    """Copy, verify the copy, and only then give it its name."""
    part = folder / PART
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        copy_files(registry.store.folder(entry.release), part / RELEASE)
    except CorruptObject as error:
        raise BadRequest(f"{entry.name} v{entry.version}: {error}") from None
    require_approved(registry, entry.name, entry.version, part / RELEASE)
    decided = registry.state(entry.name).version(entry.version).decided
    assert decided is not None  # else it were not approved
    text = Approval(registered=entry, approved=decided).model_dump_json(indent=1)
    (part / APPROVAL).write_text(text + "\n", encoding="utf-8")
    for name in (APPROVAL, RELEASE):  # the release last: without it nothing is there yet
        (part / name).replace(folder / name)


def _unwritable(folder: Path, error: OSError) -> SlmworksError:
    """What a person is told when the disk refuses: exit 1 where room is missing, else 2."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return TaskFailed(f"{folder}: {error.strerror}; make room (a larger volume) and pull again.")
    where = error.filename or folder
    return BadRequest(f"{where}: {error.strerror or error}; give --to a folder that can be written to.")
