"""Licences of what a model was made from: as each source states its own, as the recipe declares the data's.

Found by walking back through manifests; of a source only the small files that can state a licence are read.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from slmworks.contract.hosted import is_hosted
from slmworks.contract.manifest import Manifest
from slmworks.execution.origins import Origins
from slmworks.fetch.licence import licence_of
from slmworks.lineage.ancestry import inputs, way_back

if TYPE_CHECKING:
    from slmworks.store import Store

DECLARED = "the recipe"
"""Where the licence of data is stated that the curate step declares."""
PACKAGE = "the package's metadata"
"""Where the licence of files inside a package is stated that hold none themselves."""


@dataclass(frozen=True)
class Licensed:
    """A source of weights or of data, and its licence as far as anybody states one."""

    name: str
    """The source's label: `hf owner/name@revision`."""
    licence: str = ""
    """Empty: nobody states one."""
    stated_in: str = ""
    """`README.md`, `LICENSE`, `config.json`, or `the recipe`."""
    repository: str = ""
    """`owner/name` on a Hugging Face hub; empty elsewhere."""


@dataclass(frozen=True)
class Sources:
    """What a model was made from."""

    weights: tuple[Licensed, ...] = ()
    data: tuple[Licensed, ...] = ()


def sources_of(store: "Store", model: str, known: Origins | None = None) -> Sources:
    """The sources behind a model's digest, each once, in the order of their names."""
    manifests = way_back(known or Origins(store), [model])
    weights, data = _roots(model, manifests)
    declared = _declared(store, manifests)
    both = (
        {one for digest in some for one in _licensed(store, manifests[digest], declared)}
        for some in (weights - data, data)
    )
    return Sources(*(tuple(sorted(some, key=lambda one: (one.name, one.licence))) for some in both))


def _roots(model: str, manifests: Mapping[str, Manifest]) -> tuple[set[str], set[str]]:
    """Digests of what was fetched: as weights, and through data sets."""
    weights, data = set[str](), set[str]()
    seen, left = set[tuple[str, bool]](), [(model, False)]
    while left:
        digest, through_data = left.pop()
        manifest = manifests.get(digest)
        if manifest is None or (digest, through_data) in seen:
            continue
        seen.add((digest, through_data))
        if manifest.kind == "Files":
            (data if through_data else weights).add(digest)
        left += [(one, through_data or manifest.kind == "Dataset") for _, one in inputs(manifest)]
    return weights, data


def _licensed(
    store: "Store", manifest: Manifest, declared: Mapping[tuple[str, str], str]
) -> Iterator[Licensed]:
    """One for each input of a fetch: what it states itself, else what is declared of it."""
    named, packaged = _strings(manifest, "sources"), _strings(manifest, "licences")
    folders = dict.fromkeys(file.path.partition("/")[0] for file in manifest.files if "/" in file.path)
    for folder in folders:
        inside = [(file.path, file.size) for file in manifest.files if file.path.startswith(f"{folder}/")]
        label = named.get(folder, folder).partition(" sha256:")[0]
        if any(is_hosted(PurePosixPath(path).name) for path, _ in inside):
            label = f"hosted model {folder}"
        licence, stated_in = licence_of(inside, partial(_read, store, manifest))
        if not licence and folder in packaged:
            licence, stated_in = packaged[folder], PACKAGE
        if not licence and (manifest.digest, folder) in declared:
            licence, stated_in = declared[manifest.digest, folder], DECLARED
        yield Licensed(label, licence, stated_in, _repository(label))


def _strings(manifest: Manifest, key: str) -> Mapping[str, str]:
    """A mapping of texts in a manifest's summary; empty where there is none."""
    found: Any = manifest.summary.get(key)
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, Mapping) else {}


def _read(store: "Store", manifest: Manifest, path: str) -> bytes | None:
    return store.read(f"{manifest.key}/{path}")


def _repository(label: str) -> str:
    """`owner/name` of `hf owner/name@revision`."""
    kind, _, rest = label.partition(" ")
    return rest.partition("@")[0].removeprefix("datasets/") if kind == "hf" else ""


def _declared(store: "Store", manifests: Mapping[str, Manifest]) -> dict[tuple[str, str], str]:
    """(Digest of what was fetched, its input name) -> licence that the curate step declares of it."""
    found: dict[tuple[str, str], str] = {}
    for manifest in manifests.values():
        if manifest.kind != "Dataset" or all(file.path != "card.json" for file in manifest.files):
            continue
        try:
            card = json.loads(store.read(f"{manifest.key}/card.json") or b"{}")
            named = {str(name): str(text or "") for name, text in (card.get("licences") or {}).items()}
        except (ValueError, AttributeError):  # a curate plugin from elsewhere may write it otherwise
            continue
        given = {digest for _, digest in inputs(manifest)}
        found |= {(digest, name): text for digest in given for name, text in named.items() if text}
    return found
