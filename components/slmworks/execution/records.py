"""Records of runs and tasks in the store, `runs/<run>/….json`: read, made and written only here.

A record is of one run, and is spooled for the lineage; the cache (`execution.cache`) is of all runs.
"""

import hashlib
import json
import socket
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from slmworks.contract.catalog import CORE, traits
from slmworks.contract.costs import Costs
from slmworks.contract.errors import BadRequest, CorruptObject
from slmworks.contract.manifest import Digests, Manifest
from slmworks.contract.stage import Stage
from slmworks.execution import index
from slmworks.execution.spec import TaskSpec
from slmworks.registry.log import UNKNOWN
from slmworks.store import Store


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    seal: Annotated[str, Field(exclude=True)] = ""
    """Digest of the record's bytes: it changes whenever the record is written anew."""

    @property
    @abstractmethod
    def key(self) -> str:
        """Key of the record in the store."""

    @classmethod
    def read(cls, store: Store, key: str) -> Self | None:
        """The record at `key`, or None if there is none; CorruptObject for one that cannot be read."""
        return cls.of_bytes(store, key, store.read(key))

    @classmethod
    def of_bytes(cls, store: Store, key: str, data: bytes | None) -> Self | None:
        """The record that `data`, read at `key`, holds."""
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

    def write(self, store: Store) -> None:
        """Write the record; the last writer wins."""
        store.write(self.key, self._bytes())

    def create(self, store: Store) -> bool:
        """Write the record if there is none yet; False if there is."""
        return store.create(self.key, self._bytes())

    def changed(self, **what: Any) -> Self:
        """The record with other values."""
        return self.model_copy(update=what)

    def _bytes(self) -> bytes:
        values = self.model_dump(mode="json", by_alias=True)
        return json.dumps(values, indent=1, ensure_ascii=False).encode()


class Edit(BaseModel):
    """An option that a person changed for one run, such as in the form of its trigger."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    step: str
    """The step."""
    option: str
    """The option."""
    was: Any = None
    """Its value in the recipe."""
    now: Any = None
    """Its value in this run."""
    gate: bool = False
    """Of a gate: one of its limits."""


class RunRecord(_Record):
    """One run of a recipe."""

    run: str
    """The run's id."""
    state: str
    """`submitted`, `running`, `done`, `refused`, `failed`, `stopped` or `killed`."""
    version: str = ""
    """Version of slmworks that began the record."""
    recipe: str
    """The recipe's name."""
    file: str = ""
    """Path of the recipe, as it was given."""
    text: str = ""
    """The recipe's text."""
    plan: list[dict[str, Any]] = []
    """Every task: id, step, stage, plugin, inputs (port -> ids of the tasks that make it), …"""
    engine: str = "local"
    """Engine that ran it: `local`, `kubeflow`, `airflow`."""
    started: str
    """When it began."""
    ended: str | None = None
    """When it ended; null while it goes on."""
    user: str = ""
    """Who started it; empty where a schedule did, or nobody knows."""
    typed: bool = False
    """`user` is what somebody typed in the form of the run."""
    edits: tuple[Edit, ...] = ()
    """What was changed for this run in its recipe's options."""
    waiting: tuple[str, int] | None = None
    """Name and version that wait for a decision."""
    costs: Costs | None = None
    """What computing cost there, as the engine file stated it."""

    @classmethod
    def of(cls, run: str, state: str, plan: Mapping[str, Any], **what: Any) -> Self:
        """A new record; `plan` is a `plan_record`."""
        return cls.model_validate({"run": run, "state": state, "version": version(CORE), **plan, **what})

    @property
    def key(self) -> str:
        """Key of the record in the store."""
        return f"runs/{self.run}/run.json"

    @property
    def requester(self) -> tuple[str, str]:
        """Who started it, and how that is known; both empty where nobody is known."""
        if self.user in ("", UNKNOWN):
            return "", ""
        if self.engine == "airflow":
            return self.user, "airflow: triggered the run"
        by = "typed in the form of the run" if self.typed else "user name of the process"
        return self.user, f"claimed: {by}"

    def write(self, store: Store) -> None:
        """Write the record, and the keys by which it is found."""
        super().write(store)
        index.note_run(store, self.run, self.started, over=self.ended is not None)

    def create(self, store: Store) -> bool:
        """Write the record if there is none yet, and the keys by which it is found."""
        created = super().create(store)
        if created:
            index.note_run(store, self.run, self.started, over=self.ended is not None)
        return created


class TaskRecord(_Record):
    """One task of a run: its state, its inputs and its result."""

    run: str
    """The run's id."""
    task: str
    """The task: its step, and the variants that it is of."""
    step: str
    """The recipe's step."""
    stage: str
    """The step's stage."""
    plugin: str
    """The step's plugin."""
    threads: int = 1
    """Threads that it was given."""
    host: str = ""
    """Name of the machine or pod that it ran on."""
    state: str
    """`running`, `done`, `cached`, `absent`, `failed`, `refused`, `skipped`, `stopped` or `killed`."""
    cached: bool = False
    """The result was found, not made."""
    started: str
    """When it began."""
    ended: str
    """When it ended, or the record was last written."""
    options: dict[str, Any] = {}
    """The plugin's options, defaults included."""
    seed: int = 0
    """Seed of its random choices, where no option chooses it."""
    inputs: dict[str, Digests] = {}
    """Port -> digests of the inputs."""
    fingerprint: str = ""
    """Its identity."""
    result: Annotated[Manifest | None, Field(alias="manifest")] = None
    """The task's manifest, even one without files."""
    metrics: list[dict[str, Any]] = []
    """Points of its curves: `step`, `time` (s since 1970) and a value a name."""
    error: str = ""
    """Why it failed, in a line."""
    trace: str = ""
    """The traceback."""

    @classmethod
    def of(cls, spec: TaskSpec, state: str, **what: Any) -> Self:
        """A new record of a task on this machine; `what`: further fields."""
        return cls.model_validate(
            {
                "run": spec.run,
                "task": spec.id,
                "step": spec.step,
                "stage": spec.stage,
                "plugin": spec.plugin,
                "threads": spec.threads,
                "seed": spec.seed,
                "host": socket.gethostname(),
                "state": state,
                **what,
            }
        )

    @property
    def key(self) -> str:
        """Key of the record in the store."""
        return f"runs/{self.run}/{self.task}.json"

    def write(self, store: Store) -> None:
        """Write the record; of one that came to a registered version also the key by which it is found."""
        super().write(store)
        made = self.manifest
        if made is not None and made.kind == "Release" and self.traits.registers:
            index.note_release(store, str(made.meta["name"]), int(made.meta["version"]), self.run)

    @property
    def manifest(self) -> Manifest | None:
        """The manifest of the artifact that the task made; None if it made none."""
        return None if self.result is None or self.result.absent else self.result

    @property
    def traits(self) -> type[Stage]:
        """The traits of its stage."""
        return traits(self.stage)

    def holds(self, name: str, version: int) -> bool:
        """True if its result is the release of this version."""
        made = self.manifest
        return (
            made is not None
            and made.kind == "Release"
            and (made.meta.get("name"), made.meta.get("version")) == (name, version)
        )


def run_ids(store: Store) -> list[str]:
    """Every run, oldest name first; one that was killed at its start may have no record."""
    return store.children("runs/")


def run_record(store: Store, run: str) -> RunRecord | None:
    """The record of a run, or None."""
    return RunRecord.read(store, f"runs/{run}/run.json")


def task_record(store: Store, run: str, task: str) -> TaskRecord | None:
    """The record of a task, or None."""
    return TaskRecord.read(store, f"runs/{run}/{task}.json")


def task_records(store: Store, run: str) -> Iterator[TaskRecord]:
    """The records of a run's tasks that have begun."""
    keys = [
        f"runs/{run}/{name}"
        for name in store.children(f"runs/{run}/")
        if name.endswith(".json") and name != "run.json"
    ]
    for key, data in zip(keys, store.read_all(keys), strict=True):
        record = TaskRecord.of_bytes(store, key, data)
        if record is not None:
            yield record


def made_by(store: Store, run: str, task: str) -> Manifest:
    """The result of a task of a run, by its record; BadRequest if there is none."""
    record = task_record(store, run, task)
    if record is None or record.result is None:
        raise BadRequest(f"run {run} left nothing of {task} in {store}; name the run that made it.")
    return record.result


def utc(seconds: float) -> str:
    """A time as ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
