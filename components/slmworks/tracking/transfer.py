"""The bytes of a release as MLflow holds them: carried there, and checked against the log.

What is uploaded is only spoken of (a tag, a version) once MLflow lists every file of it in full length.
Whether they are also the right bytes is known after downloading and hashing them, which is `check`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import CorruptObject, SlmworksError
from slmworks.contract.manifest import File, drop_empty_folders, plain_files, scan
from slmworks.machine.locks import scratch_folder
from slmworks.registry.release import Digests, digests_of, registered_as
from slmworks.store.contract import folder_or_none
from slmworks.tracking.connection import Tracking

if TYPE_CHECKING:
    from slmworks.registry.state import Entry
    from slmworks.store import Store

PLACE = "release"
"""Folder among a run's artifacts that holds the release."""
REMOVED = "slmworks.removed"
"""Tag of an MLflow version: when `slmworks gc --mlflow` removed its files."""


@dataclass(frozen=True)
class Held:
    """What MLflow gave back for one version."""

    entry: "Entry"
    """The registration that it was compared with."""
    found: Digests
    files: int
    size: int
    """Bytes."""
    differing: str
    """Path of the first file that is not as it was registered, or ''."""

    @property
    def same(self) -> bool:
        """Whether these are, to the last byte, the files that the log speaks of."""
        return self.found == registered_as(self.entry)


def upload(client: Any, run_id: str, folder: Path, *, again: bool = False) -> None:
    """Carry a release into a run's artifacts; goes on where an earlier try broke off.

    `again` sends every file, also those that seem to be there. SlmworksError if MLflow lists less after it,
    CorruptObject for a folder that holds more than plain files.
    """
    files = {name: status.st_size for name, status in plain_files(folder)}
    there = {} if again else held(client, run_id)
    for name, size in files.items():
        if there.get(name) != size:
            parent = Path(PLACE, name).parent.as_posix()
            client.log_artifact(run_id, str(folder / name), parent)
    there = held(client, run_id)
    missing = [name for name, size in files.items() if there.get(name) != size]
    if missing:
        raise SlmworksError(
            f"MLflow does not hold {missing[0]} of a release in full ({len(missing)} of {len(files)} files); "
            "slmworks lineage sync goes on from there."
        )


def download(tracking: Tracking, store: "Store", entry: "Entry", version: str) -> Held:
    """Fetch what MLflow hands out for a version (its own number) and hash all of it."""
    run = tracking.client.get_model_version(entry.name, version).run_id
    uri = tracking.client.get_model_version_download_uri(entry.name, version)
    files: tuple[File, ...] = ()
    # asking MLflow for a folder that is gone ends in an error that depends on where it keeps its files
    if any(_listed(tracking.client, run, PLACE)):
        files = _fetched(tracking, store, uri)
    ours = folder_or_none(store, entry.release)
    differing = "" if ours is None else _differing(ours, files)
    return Held(entry, digests_of(files), len(files), sum(f.size for f in files), differing)


def _fetched(tracking: Tracking, store: "Store", uri: str) -> tuple[File, ...]:
    import mlflow

    with scratch_folder(store.cache, "check") as scratch:
        got = mlflow.artifacts.download_artifacts(
            artifact_uri=uri, dst_path=str(scratch), tracking_uri=tracking.client.tracking_uri
        )
        drop_empty_folders(Path(got))  # some stores list them; they hold no byte of a release
        return scan(Path(got))


def _differing(ours: Path, found: tuple[File, ...]) -> str:
    try:
        wanted = scan(ours)
    except CorruptObject:  # nothing to compare with
        return ""
    return min((file.path for file in set(wanted) ^ set(found)), default="")


def held(client: Any, run_id: str) -> dict[str, int]:
    """Path -> bytes of every file of a release that MLflow lists for a run."""
    return dict(_listed(client, run_id, PLACE))


def remove(tracking: Tracking, run_id: str) -> None:
    """Take a release out of a run's artifacts, with whatever else lies in its folder there."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    root = tracking.client.get_run(run_id).info.artifact_uri
    get_artifact_repository(root, tracking_uri=tracking.client.tracking_uri).delete_artifacts(PLACE)


def _listed(client: Any, run_id: str, folder: str) -> Iterator[tuple[str, int]]:
    """(path below the release, bytes) of every file that MLflow lists."""
    for entry in client.list_artifacts(run_id, folder):
        if entry.is_dir:
            yield from _listed(client, run_id, entry.path)
        else:
            yield entry.path.removeprefix(f"{PLACE}/"), int(entry.file_size or 0)
