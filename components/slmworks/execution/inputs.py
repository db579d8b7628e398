"""Inputs opened for a plugin: verified, of the right kind, with only the splits that it reads."""

import json
from collections.abc import Sequence
from pathlib import Path

from slmworks.contract import catalog
from slmworks.contract.artifact import Artifact, Files, Model
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import Manifest, tree_digest
from slmworks.contract.stage import Port, Stage
from slmworks.execution.identity import read_files
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.registry.log import Registry
from slmworks.store import Store


def open_input(
    store: Store, spec: TaskSpec, plugin: Stage, port: Port, manifest: Manifest, scratch: Path
) -> Artifact:
    """The artifact for a port: the whole folder in the store, or a view (links below `scratch`) of a part.

    CorruptObject when its bytes are not those that were committed; BadRequest when it doesn't fit the port.
    """
    require_whole(store, manifest)
    seen = read_files(type(plugin), port.name, manifest)
    folder = store.folder(manifest.digest)
    digest = manifest.digest
    if len(seen) < len(manifest.files):
        folder = _view(folder, [f.path for f in seen], scratch / f"view-{port.name}-{digest[:12]}")
        digest = tree_digest(seen)
    found = Artifact.open(folder, digest=digest)
    if isinstance(found, Files) and port.kind is Model:
        found = Model.from_files(found)
    if port.kind is None or not isinstance(found, port.kind):
        raise BadRequest(f"{spec.id}.{port.name}: got a {found.kind}, which is not what {spec.stage} takes.")
    _check_formats(spec, plugin, port.name, found)
    return found


def require_whole(store: Store, manifest: Manifest) -> None:
    """Verify every hash; on a mismatch discard the object (the next run rebuilds it), raise CorruptObject."""
    try:
        store.verify(manifest)
    except CorruptObject:
        store.discard(manifest.digest)
        raise


def _view(folder: Path, names: Sequence[str], view: Path) -> Path:
    for name in names:
        link = view / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(folder / name)
    return view


def _check_formats(spec: TaskSpec, plugin: Stage, port: str, found: Artifact) -> None:
    takes = plugin.accepts.get(port, ())
    if isinstance(found, Model) and takes and found.format not in takes:
        raise BadRequest(
            f"{spec.id}.{port}: takes {' or '.join(takes)} models, this one is {found.format}; put an export "
            "step before it that makes such a model."
        )
    other = plugin.port_model_tasks.get(port)
    works = (other,) if other else plugin.model_tasks
    if isinstance(found, Model) and found.model_task and works:
        named = catalog.canonical(found.model_task)
        if named not in works:
            raise BadRequest(
                f"{spec.id}.{port}: works for {' or '.join(works)}, this model is for {named}"
                f"{catalog.others_for(spec.stage, named)}."
            )


def pin(store: Store, run: str, source: Source) -> Source:
    """The source with its content made part of its identity; the same for every task of a run."""
    pinned = source.pin(Registry(store))
    if source.kind != "registry" or source.digests or source.absent:
        return pinned
    key = f"runs/{run}/pinned/{source.location}@{source.version}"
    if not store.create(key, json.dumps(pinned.dump()).encode()):
        first = store.read(key)
        assert first is not None
        return Source.load(json.loads(first))
    return pinned
