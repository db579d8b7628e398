"""Whether what MLflow holds is what was registered: download it, hash it, ask the log; and put it right."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.registry.log import Registry
from slmworks.registry.release import is_whole
from slmworks.registry.state import Entry, ModelState
from slmworks.store.contract import folder_or_none
from slmworks.tracking.connection import Tracking, connect, told_in_one_line
from slmworks.tracking.runs import RELEASE
from slmworks.tracking.transfer import REMOVED, Held, download, remove, upload
from slmworks.tracking.versions import shown_versions

if TYPE_CHECKING:
    from slmworks.store import Store


def check(store: "Store", tracking_uri: str, name: str, number: int) -> Held:
    """Download one version from MLflow and compare both digests; changes no file there or here.

    BadRequest when MLflow does not hold the version at all.
    """
    entry = Registry(store).state(name).version(number).registered
    with told_in_one_line(tracking_uri):
        tracking = connect(tracking_uri)
        shown = shown_versions(tracking.client, name).get(str(number))
        if shown is None:
            raise BadRequest(
                f"MLflow holds no {name} v{number}: it was not uploaded yet. Do it: slmworks lineage sync"
            )
        if REMOVED in shown.tags:
            raise BadRequest(
                f"MLflow holds no files of {name} v{number} any more: slmworks gc --mlflow removed them "
                f"({shown.tags[REMOVED]})."
            )
        return download(tracking, store, entry, str(shown.version))


def heal(store: "Store", tracking_uri: str) -> list[Held]:
    """Check every version that MLflow shows, and upload again those that are not what the log names.

    Gives what was found, before it was put right. BadRequest when the store's own copy is not right either.
    """
    registry = Registry(store)
    with told_in_one_line(tracking_uri):
        tracking = connect(tracking_uri)
        return [held for name in registry.names() for held in _each(tracking, store, registry.state(name))]


def _each(tracking: Tracking, store: "Store", state: ModelState) -> Iterator[Held]:
    shown = shown_versions(tracking.client, state.name)
    for version in state.versions:
        found = shown.get(str(version.number))
        if found is not None and not (REMOVED in found.tags and version.status == "rejected"):
            yield _held(tracking, store, version.registered, found)


def _held(tracking: Tracking, store: "Store", entry: Entry, shown: Any) -> Held:
    held = download(tracking, store, entry, str(shown.version))
    if held.same:
        return held
    folder = folder_or_none(store, entry.release)
    if folder is None or not is_whole(folder, entry):
        raise BadRequest(
            f"{entry.name} v{entry.version} differs in MLflow, and the store's own copy is not right either: "
            "run its recipe again, then slmworks lineage sync --check."
        )
    remove(tracking, shown.run_id)  # a file too many would stay beside an upload
    upload(tracking.client, shown.run_id, folder, again=True)
    tracking.client.set_tag(shown.run_id, RELEASE, entry.release)
    if REMOVED in shown.tags:
        tracking.client.delete_model_version_tag(entry.name, shown.version, REMOVED)
    return held
