"""What tasks leave behind in the store: a manifest under their identity, a record under their run.

The manifest is committed once and is what caching means; the record says what happened, and is spooled
for the lineage.
"""

import hashlib
import json
import socket
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

import slmworks
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import Manifest
from slmworks.execution.spec import TaskSpec
from slmworks.store import Store


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    seal: str = ""
    """Digest of the record's bytes: tells whether it changed since it was uploaded."""

    @classmethod
    def read(cls, store: Store, key: str) -> Self | None:
        """The record at `key`, or None when there is none."""
        data = store.read(key)
        if data is None:
            return None
        try:
            found = cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise CorruptObject(
                f"{store.url}/{key}: {place}: {first['msg']}. Delete that run's folder."
            ) from None
        return found.model_copy(update={"seal": hashlib.sha256(data).hexdigest()})


class RunRecord(_Record):
    """One run of a recipe."""

    run: str
    recipe: str
    file: str = ""
    text: str = ""
    """The recipe, as it was."""
    engine: str = "local"
    """What ran it: `local`, `kubeflow`."""
    state: str
    started: str
    ended: str | None = None
    user: str = ""
    waiting: tuple[str, int] | None = None
    """Name and version that wait for a decision."""
    version: str = ""
    plan: list[dict[str, Any]] = []
    """Every task: id, step, stage, plugin, inputs (port -> ids of the tasks that make it)."""


def _made(manifest: Manifest | None) -> Manifest | None:
    return None if manifest is None or manifest.absent else manifest


class TaskRecord(_Record):
    """How one task of a run ended."""

    run: str
    task: str
    step: str
    stage: str
    plugin: str
    state: str
    cached: bool = False
    started: str
    ended: str
    options: dict[str, Any] = {}
    inputs: dict[str, str | list[str]] = {}
    """Port -> digest, or digests, of what it was given."""
    fingerprint: str = ""
    manifest: Annotated[Manifest | None, AfterValidator(_made)] = None
    metrics: list[dict[str, Any]] = []
    """Points of its curves: `step`, `time` (s since 1970) and a value a name."""
    error: str = ""
    trace: str = ""
    host: str = ""

    def holds(self, name: str, version: int) -> bool:
        """Whether it came to the release of this version."""
        made = self.manifest
        return (
            made is not None
            and made.kind == "Release"
            and (made.meta.get("name"), made.meta.get("version")) == (name, version)
        )


def run_ids(store: Store) -> list[str]:
    """Every run that has a record, oldest name first."""
    return [key.split("/")[1] for key in store.list("runs/") if key.endswith("/run.json")]


def run_record(store: Store, run: str) -> RunRecord | None:
    """The record of a run, or None."""
    return RunRecord.read(store, f"runs/{run}/run.json")


def task_records(store: Store, run: str) -> Iterator[TaskRecord]:
    """The records of a run's tasks that have ended."""
    for key in store.list(f"runs/{run}/"):
        if key.endswith(".json") and not key.endswith("/run.json"):
            record = TaskRecord.read(store, key)
            if record is not None:
                yield record


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


def utc(seconds: float) -> str:
    """A time as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
