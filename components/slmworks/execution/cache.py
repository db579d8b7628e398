"""Results of tasks that were done before: a manifest under each identity, committed once."""

from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.store import Store


def find(store: Store, identity: str) -> Manifest | None:
    """The manifest of a task that was done before, if its bytes are still there and untouched."""
    data = store.read(f"tasks/{identity}.json")
    if data is None:
        return None
    try:
        manifest = Manifest.read(data, where=f"tasks/{identity[:12]}….json")
    except BadRequest:  # damaged, or of another version: made anew and then replaced
        return None
    return None if store.damage(manifest.digest, manifest.files) else manifest


def adopt(store: Store, manifest: Manifest, *, replace_old: bool = False) -> Manifest:
    """Commit a manifest once. When another was first and is sound, that one counts."""
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
