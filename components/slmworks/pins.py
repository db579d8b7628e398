"""What a name such as `reviews@champion` means in one run: looked up once, then the same for every task.

The local engine looks up before it starts anything. Where no engine of ours is running, the first task that
asks writes down what it found, and the others read that.
"""

import json

from slmworks.fetch import Source
from slmworks.registry.log import Registry
from slmworks.store import Store


def pin(store: Store, run: str, source: Source) -> Source:
    """The source with its content made part of its identity, as this run means it."""
    pinned = source.pin(Registry(store))
    if source.kind != "registry" or source.digests or source.absent:
        return pinned
    key = f"runs/{run}/pinned/{source.location}@{source.version}"
    if not store.create(key, json.dumps(pinned.dump()).encode()):
        first = store.read(key)
        assert first is not None
        return Source.load(json.loads(first))
    return pinned
