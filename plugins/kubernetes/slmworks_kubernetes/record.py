"""`deployment.json`: what a cluster was told to serve, and what came of it."""

import json
from typing import Any

from slmworks.contract.artifact import Deployment, Release
from slmworks.registry.release import require_approved
from slmworks.registry.state import Entry
from slmworks.registry.task import ReleaseTask

__all__ = ["approved", "record"]


def approved(release: Release, task: ReleaseTask) -> Entry:
    """The registration of a release, every file hashed and the log asked; BadRequest if it isn't approved."""
    name, version = str(release.meta["name"]), int(release.meta["version"])
    require_approved(task.registry, name, version, release.path)
    return task.registry.state(name).version(version).registered


def record(release: Release, entry: Entry, task: ReleaseTask, target: str, **found: Any) -> Deployment:
    """Write `deployment.json` and give the artifact."""
    about = {key: getattr(entry, key) for key in ("name", "version", "model_digest", "wrapper_digest")}
    text = json.dumps({**about, "release": entry.release, "target": target, **found}, indent=1)
    (task.output / "deployment.json").write_text(text + "\n", encoding="utf-8")
    return Deployment(
        path=task.output,
        meta={"name": entry.name, "version": entry.version, "target": target},
        refs={"release": release.digest},
        summary={key: found[key] for key in ("seconds", "replicas") if key in found},
    )
