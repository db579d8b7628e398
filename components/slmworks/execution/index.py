"""Keys by which something is found without reading the whole store. Written here, beside what they point to.

    by-digest/<2 hex>/<digest>.json     the first manifest of these bytes, and the run that made them
    by-start/<time>_<run>               every run, in the order of their starts
    unfinished/<run>                    runs that go on
    released/<name>/<version>/<run>     runs that came to a registered version
    took/<stage>/<plugin>.json          seconds of the latest task of a plugin

All are made from what lies in `tasks/` and `runs/`, so a store without them is read in full where they are
missing, once.
"""

import contextlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from slmworks import __version__
from slmworks.contract.errors import SlmworksError
from slmworks.contract.manifest import Manifest
from slmworks.store import layout

if TYPE_CHECKING:
    from slmworks.store import Store

STARTS, UNFINISHED, RELEASED, TOOK = "by-start/", "unfinished/", "released/", "took/"


def note_made(store: "Store", manifest: Manifest, run: str) -> None:
    """Keep the origin of an artifact. The first manifest of the same bytes stays.

    It is written before the manifest gets its name in `tasks/`, so whatever is found there has one.
    """
    origin = {"run": run, "manifest": manifest.model_dump(mode="json")}
    store.create(by_digest(manifest.digest), json.dumps(origin, ensure_ascii=False).encode())


def note_time(store: "Store", manifest: Manifest) -> None:
    """Keep how long a plugin's latest task took."""
    key = took(str(manifest.producer.get("stage", "")), str(manifest.producer.get("plugin", "")))
    store.write(key, json.dumps({"created": manifest.created, "seconds": manifest.seconds}).encode())


def note_run(store: "Store", run: str, started: str, *, over: bool) -> None:
    """Keep the start of a run, and whether it goes on; marks of an earlier record's upload go."""
    store.create(f"{STARTS}{moment(started)}_{run}", b"")
    if over:
        with contextlib.suppress(SlmworksError):  # who may not remove: the record says it too
            store.remove(f"{UNFINISHED}{run}")
    else:
        store.create(f"{UNFINISHED}{run}", b"")
        layout.note(store, __version__)
    store.remove(*store.list(uploaded(run)))


def note_old_run(store: "Store", run: str, started: str, *, over: bool) -> None:
    """Keep the same of a run that a version without these keys recorded; who may only read need not."""
    with contextlib.suppress(SlmworksError):
        if not over:
            store.create(f"{UNFINISHED}{run}", b"")
        store.create(f"{STARTS}{moment(started)}_{run}", b"")


def note_release(store: "Store", name: str, version: int, run: str) -> None:
    """Keep that a run came to a registered version."""
    store.create(f"{released(name, version)}{run}", b"")


def by_digest(digest: str) -> str:
    """Key of an artifact's origin."""
    return f"by-digest/{digest[:2]}/{digest}.json"


def released(name: str, version: int) -> str:
    """Folder of the runs that came to a registered version."""
    return f"{RELEASED}{name}/{version}/"


def took(stage: str, plugin: str) -> str:
    """Key of the time that a plugin's latest task took."""
    return f"{TOOK}{stage}/{plugin}.json"


def uploaded(run: str) -> str:
    """Folder of the marks of a run that MLflow has in full, one an MLflow."""
    return f"uploaded/{run}/"


def moment(started: str) -> str:
    """A start as text that sorts by time."""
    try:
        return datetime.fromisoformat(started).astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")
    except ValueError:
        return "0"
