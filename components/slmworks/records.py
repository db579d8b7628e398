"""What tasks leave behind in the store: a manifest under their identity, a record under their run.

The manifest is committed once and is what caching means; the record says what happened, and is spooled
for the lineage.
"""

import json
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import slmworks
from slmworks.contract.errors import BadRequest
from slmworks.contract.manifest import Manifest
from slmworks.recipe.plan import Plan
from slmworks.spec import TaskSpec
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


def write_record(store: Store, spec: TaskSpec, what: Mapping[str, Any]) -> None:
    """Write a task's record; the last writer of a (run, task) wins."""
    record = {
        "run": spec.run,
        "task": spec.id,
        "step": spec.step,
        "stage": spec.stage,
        "plugin": spec.plugin,
        "threads": spec.threads,
        "host": socket.gethostname(),
        **what,
    }
    store.write(f"runs/{spec.run}/{spec.id}.json", json.dumps(record, indent=1, ensure_ascii=False).encode())


def made_by(store: Store, run: str, task: str) -> Manifest:
    """What a task of a run came to, by its record; BadRequest when it left nothing."""
    record = store.read(f"runs/{run}/{task}.json")
    made = json.loads(record).get("manifest") if record else None
    if not made:
        raise BadRequest(f"run {run} left nothing of {task} in {store}; name the run that made it.")
    return Manifest.read(json.dumps(made), where=f"runs/{run}/{task}.json")


def write_run(store: Store, run: str, state: str, what: Mapping[str, Any]) -> None:
    """Write a run's own record, `runs/<run>/run.json`; `what` holds `plan_record(…)` and times."""
    store.write(f"runs/{run}/run.json", run_bytes(run, state, what))


def run_bytes(run: str, state: str, what: Mapping[str, Any]) -> bytes:
    """A run's own record as it is kept."""
    record = {"run": run, "state": state, "version": slmworks.__version__, **what}
    return json.dumps(record, indent=1, ensure_ascii=False).encode()


def plan_record(plan: Plan) -> dict[str, Any]:
    """What a run's record says of its plan: the recipe as it was, and every task."""
    recipe = plan.recipe
    return {
        "recipe": recipe.name,
        "file": recipe.file,
        "text": recipe.text,
        "plan": [task.edge() for task in plan],
    }


def utc(seconds: float) -> str:
    """A time as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
