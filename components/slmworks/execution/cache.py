"""Cache of results: a manifest under each task's identity, committed once."""

import contextlib
import json

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.store import Store
from slmworks.store.revival import revive


def find(store: Store, identity: str) -> Manifest | None:
    """The cached manifest of an identity, if its bytes are in the store and undamaged; else None.

    One that says it is of another task is none. What an edited or copied manifest claims is made anew.
    """
    data = store.read(f"tasks/{identity}.json") or _back(store, identity)
    if data is None:
        return None
    try:
        manifest = Manifest.read(data, where=f"tasks/{identity[:12]}….json")
    except BadRequest:  # damaged, or of another version: made anew and then replaced
        return None
    if manifest.fingerprint != identity:
        return None
    return None if store.damage(manifest.digest, manifest.files) else manifest


def adopt(store: Store, manifest: Manifest, *, replace_old: bool = False) -> Manifest:
    """Commit a manifest once; returns an earlier, undamaged one if there is one."""
    key = f"tasks/{manifest.fingerprint}.json"
    data = manifest.dump().encode()
    if replace_old:
        store.write(key, data)
        return manifest
    if store.create(key, data):
        return manifest
    winner = find(store, manifest.fingerprint)
    if winner is None:  # its bytes were lost or edited: ours heal it
        store.write(key, data)
        return manifest
    return winner


def _back(store: Store, identity: str) -> bytes | None:
    """A name that `slmworks gc` has laid aside, brought back: somebody asks for it. None if there is none."""
    aside = store.read(f"aside/tasks/{identity}.json")
    if aside is None:
        return None
    with contextlib.suppress(BadRequest, ValueError, KeyError, TypeError):
        text = str(json.loads(aside)["manifest"])
        revive(store, Manifest.read(text, where="aside").digest)
        store.create(f"tasks/{identity}.json", text.encode())
        store.remove(f"aside/tasks/{identity}.json")
        return text.encode()
    return None
