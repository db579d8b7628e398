"""MLflow's copies of releases that the store has let go of: how large they are, and their removal.

Only the files go. Run, version, tags and description stay and tell what was decided. MLflow has no bin for
files, so nothing brings them back but running the recipe again.
"""

from collections.abc import Collection, Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from slmworks.tracking.aliases import VERSION
from slmworks.tracking.connection import Tracking, connect, told_in_one_line
from slmworks.tracking.runs import RELEASE
from slmworks.tracking.sync import one_at_a_time
from slmworks.tracking.transfer import REMOVED, held, remove

if TYPE_CHECKING:
    from slmworks.store import Store


@dataclass(frozen=True)
class Copy:
    """The files of one version in MLflow."""

    name: str
    version: int
    size: int
    """Bytes."""
    used_by: str = ""
    """What in MLflow points to its files, so that they stay."""


def remove_copies(
    store: "Store", tracking_uri: str, gone: Collection[tuple[str, int]], *, dry_run: bool = False
) -> list[Copy]:
    """Remove MLflow's files of versions (name, number) whose release is gone; gives what was there.

    Those that an alias or another version in MLflow points to stay. Cut short, the next call goes on.
    `dry_run`: only look.
    SlmworksError in one line when MLflow can't be asked.
    """
    way_out = "Its copies stay; do it again later: slmworks gc --mlflow"
    with told_in_one_line(tracking_uri, "did not remove copies", way_out):
        tracking = connect(tracking_uri)
        with one_at_a_time(store, tracking_uri):
            found = list(_found(tracking, gone))
            if not dry_run:
                for copy, shown in found:
                    _remove(tracking, copy, shown)
    return [copy for copy, _ in found if copy.size]


def _found(tracking: Tracking, gone: Collection[tuple[str, int]]) -> Iterator[tuple[Copy, Any]]:
    """Each of these versions whose files were not removed before, with MLflow's version of it."""
    client = tracking.client
    for name in sorted({name for name, _ in gone}):
        versions = [one for one in client.search_model_versions(f"name = '{name}'") if _ours(one) in gone]
        aliases = dict(client.get_registered_model(name).aliases) if versions else {}
        for one in sorted(versions, key=lambda one: int(one.version)):
            if REMOVED not in one.tags:
                named = [alias for alias, at in aliases.items() if str(at) == str(one.version)]
                size = sum(held(client, one.run_id).values())
                yield Copy(*_ours(one), size, _user(client, one.run_id, named, gone)), one


def _ours(version: Any) -> tuple[str, int]:
    return version.name, int(version.tags.get(VERSION, 0))


def _user(client: Any, run_id: str, aliases: list[str], gone: Container[tuple[str, int]]) -> str:
    """What in MLflow needs the files of a run; '' for nothing."""
    if aliases:
        return f"alias {min(aliases)}"
    there = client.search_model_versions(f"run_id = '{run_id}'")  # another store may have made the same bytes
    others = [one for one in there if _ours(one) not in gone]
    return f"{others[0].name}, MLflow's version {others[0].version}" if others else ""


def _remove(tracking: Tracking, copy: Copy, shown: Any) -> None:
    if copy.used_by:
        return
    client = tracking.client
    # First: a version of the same release that is made meanwhile uploads it anew.
    if RELEASE in client.get_run(shown.run_id).data.tags:
        client.delete_tag(shown.run_id, RELEASE)
    if copy.size:
        remove(tracking, shown.run_id)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    client.set_model_version_tag(copy.name, shown.version, REMOVED, when)
