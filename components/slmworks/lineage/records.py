"""The records that runs leave in the store: `runs/<run>/run.json` and one `<task>.json` a task."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from slmworks.contract.errors import CorruptObject
from slmworks.contract.manifest import Manifest

if TYPE_CHECKING:
    from slmworks.store import Store

RELATIONS = {
    ("curate", "data"): "curated-from",
    ("finetune", "model"): "tuned-from",
    ("align", "model"): "aligned-from",
    ("distill", "teacher"): "distilled-from",
    ("distill", "student"): "initialised-from",
    ("prune", "model"): "pruned-from",
    ("factorize", "model"): "factorized-from",
    ("quantize", "model"): "quantized-from",
    ("export", "model"): "exported-from",
    ("evaluate", "model"): "measured",
    ("evaluate", "data"): "measured-on",
    ("evaluate", "baseline"): "compared-with",
    ("gate", "reports"): "decided-on",
    ("gate", "champion"): "compared-with",
    ("register", "verdict"): "admitted-by",
    ("approve", "release"): "approved-from",
    ("deploy", "release"): "deployed-from",
}
"""(stage, port) -> what the result is to that input. Ports with one meaning everywhere are below."""

_PORTS = {"data": "trained-on", "calibration": "calibrated-on", "model": "made-from"}


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    seal: str = ""
    """Digest of the record's bytes: tells whether it changed since it was uploaded."""

    @classmethod
    def read(cls, store: "Store", key: str) -> Self | None:
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


def run_ids(store: "Store") -> list[str]:
    """Every run that has a record, oldest name first."""
    return [key.split("/")[1] for key in store.list("runs/") if key.endswith("/run.json")]


def run_record(store: "Store", run: str) -> RunRecord | None:
    """The record of a run, or None."""
    return RunRecord.read(store, f"runs/{run}/run.json")


def task_records(store: "Store", run: str) -> Iterator[TaskRecord]:
    """The records of a run's tasks that have ended."""
    for key in store.list(f"runs/{run}/"):
        if key.endswith(".json") and not key.endswith("/run.json"):
            record = TaskRecord.read(store, key)
            if record is not None:
                yield record


def relation(stage: str, port: str) -> str:
    """What a task's result is to what came in through `port`: `distilled-from`, `trained-on`."""
    return RELATIONS.get((stage, port)) or _PORTS.get(port, port)


def milliseconds(when: str) -> int:
    """An ISO 8601 time as milliseconds since 1970."""
    return round(datetime.fromisoformat(when).timestamp() * 1000)
