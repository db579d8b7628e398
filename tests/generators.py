"""Releases of generators: a GGUF file in a release's folder, entered in the log as `register` does it."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from toys import limited

from releases import BY, commit
from slmworks.contract.artifact import Model, Release
from slmworks.contract.manifest import tree_digest
from slmworks.registry.log import Registry
from slmworks.registry.release import digests
from slmworks.store import Store
from slmworks.testing import sealed

NAME = "chatter"


def generator(gguf: Path, folder: Path, **meta: Any) -> Model:
    """A Model artifact around a GGUF file, which says the length of an answer where `meta` does."""
    folder.mkdir(parents=True)
    shutil.copy(gguf, folder / "model.gguf")
    made = sealed(Model(path=folder, format="gguf", meta={"task": "text-generation", **meta}))
    return limited(made, meta["max_new_tokens"]) if "max_new_tokens" in meta else made


def enter(store: Store, model: Model, name: str = NAME, *, approve: bool = True) -> int:
    """Register a generator, and approve it; its version."""
    folder = Path(tempfile.mkdtemp()) / "release"
    folder.mkdir()
    shutil.copytree(model.path, folder / "model")
    (folder / "runtime.py").write_text("# what MLflow would load\n")
    found = digests(folder)

    def release(version: int) -> Release:
        meta = {
            "name": name,
            "version": version,
            "model_digest": found.model,
            "wrapper_digest": found.wrapper,
        }
        return Release(path=folder, meta=meta, refs={"model": found.model}, summary={})

    registry = Registry(store)
    entry = registry.register(
        name,
        model_digest=found.model,
        wrapper_digest=found.wrapper,
        verdict="0" * 64,
        seal=lambda version: tree_digest(release(version).seal()),
    )
    commit(store, replace(release(entry.version)))
    if approve:
        registry.approve(name, entry.version, **BY, why="it is good")
    return entry.version
