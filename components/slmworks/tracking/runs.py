"""One pipeline run in MLflow: a parent, and a nested run for each task that has ended.

Every call here may be repeated: runs are found again by their tags, values that are there already are
not added twice, and the tag that says "complete" is written last.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import first_line
from slmworks.contract.manifest import Manifest
from slmworks.contract.plain_text import visible
from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.lineage.ancestry import relation
from slmworks.packet.gather import packet
from slmworks.packet.markdown_text import code, cut, escaped, table
from slmworks.store.contract import folder_or_none
from slmworks.tracking.connection import Tracking
from slmworks.tracking.transfer import upload

if TYPE_CHECKING:
    from slmworks.store import Store

RUN, TASK, COMPLETE, RELEASE = "slmworks.run", "slmworks.task", "slmworks.complete", "slmworks.release"
"""Tags: which run, which task (`-` for the parent), digest of the record that is uploaded, release held."""

DIGEST = "slmworks.digest"
"""Tag of a task: the digest of what it made."""

PARENT = "mlflow.parentRunId"
PAGE = "verdict.html"
"""The reviewer's packet, a file of the gate's run."""

STATUS = {
    "done": "FINISHED",
    "cached": "FINISHED",
    "refused": "FINISHED",
    "failed": "FAILED",
    "skipped": "SCHEDULED",  # it waits, for a person or for something that failed
    "stopped": "KILLED",
    "killed": "KILLED",
}
"""State in our records -> MLflow's; a run that goes on has no state in here."""

LONGEST = 5000
"""Characters of a tag or a description: MLflow's columns hold no more, and Postgres refuses a longer one."""

_PARAM_LENGTH, _BATCH = 6000, 900


@dataclass
class RunUpload:
    """Carries one run's records to MLflow."""

    tracking: Tracking
    store: "Store"
    run: RunRecord
    tasks: Sequence[TaskRecord]
    uploaded: int = 0
    """Tasks that were brought in or brought up to date."""
    _known: dict[str, Any] = field(default_factory=dict)
    _parent: str = ""

    def upload(self) -> None:
        """Bring everything in that isn't there yet."""
        self._known = self.tracking.one_each({RUN: self.run.run}, by=TASK, keep=(RELEASE, COMPLETE))
        self._parent = self._open("-", self.run.run, self.run.started, {"mlflow.user": self.run.user})
        self._describe()
        for task in self.tasks:
            if self._tag(task.task, COMPLETE) != task.seal:
                self._task(task)
                self.uploaded += 1
            elif self._tag(task.task, PARENT) != self._parent:  # the parent was a double, or was deleted
                self._client.set_tag(self._known[task.task].info.run_id, PARENT, self._parent)

    @property
    def _client(self) -> Any:
        return self.tracking.client

    def _tag(self, task: str, tag: str) -> str:
        found = self._known.get(task)
        return str(found.data.tags.get(tag, "")) if found else ""

    def _open(self, task: str, name: str, started: str, tags: Mapping[str, str]) -> str:
        """The id of the MLflow run for a task; created when a search finds none."""
        if task in self._known:
            return str(self._known[task].info.run_id)
        experiment = self.tracking.experiment(self.run.recipe)
        made = self._client.create_run(
            experiment,
            start_time=milliseconds(started),
            run_name=name,
            tags={
                RUN: self.run.run,
                TASK: task,
                "mlflow.source.name": self.run.file or self.run.recipe,
                **tags,
            },
        )
        return str(made.info.run_id)

    # --- the parent --------------------------------------------------------------------------------

    def _describe(self) -> None:
        seal = hashlib.sha256(
            "".join([self.run.seal, *(task.seal for task in self.tasks)]).encode()
        ).hexdigest()
        if self._tag("-", COMPLETE) == seal:
            return
        recipe = hashlib.sha256(self.run.text.encode()).hexdigest()
        if self.run.text and self._tag("-", "slmworks.recipe") != recipe:
            self._client.log_text(self._parent, self.run.text, "recipe.yaml")
            self._client.log_text(self._parent, json.dumps(self.run.plan, indent=1), "plan.json")
        tags = {
            "slmworks.state": self.run.state,
            "slmworks.version": self.run.version,
            "slmworks.recipe": recipe if self.run.text else "",
            "mlflow.user": self.run.user,
            "slmworks.store": self.store.url,
            "mlflow.note.content": _note(self.run, self.tasks),
            COMPLETE: seal,
        }
        measured = [
            metric
            for task in self.tasks
            if _kind(task) == "Report"
            for metric in _summary(task, f"{task.task}/")
        ]
        self._log_metrics(self._parent, measured)
        if self.run.ended:
            status = STATUS.get(self.run.state, "FINISHED")
            self._client.set_terminated(self._parent, status, milliseconds(self.run.ended))
        self._client.log_batch(self._parent, tags=_tags(tags))

    # --- a task ------------------------------------------------------------------------------------

    def _task(self, task: TaskRecord) -> None:
        tags = {PARENT: self._parent, "mlflow.user": self.run.user}
        run_id = self._open(task.task, task.task, task.started, tags)
        options = {**task.options, **self._seed(task)}
        self._client.log_batch(run_id, params=_params(options, self._known.get(task.task)))
        self._log_metrics(run_id, [*_curves(task), *_summary(task)])
        self._inputs(run_id, task)
        extra = {"mlflow.note.content": self._task_note(task), **self._attach(run_id, task)}
        if task.state != "running":
            self._client.set_terminated(run_id, STATUS.get(task.state, "FINISHED"), milliseconds(task.ended))
        self._client.log_batch(
            run_id, tags=_tags({**_about(task), **extra, PARENT: self._parent, COMPLETE: task.seal})
        )

    def _seed(self, task: TaskRecord) -> dict[str, int]:
        """The step's seed, where it has another than 0."""
        seed = next((one.get("seed", 0) for one in self.run.plan if one["id"] == task.task), 0)
        return {"seed": seed} if seed else {}

    def _task_note(self, task: TaskRecord) -> str:
        """The description on a task's page: what came out, and what it was made from."""
        made = {other.manifest.digest: other.task for other in self.tasks if other.manifest}
        said = (
            f"{task.manifest.kind} {code(task.manifest.digest[:12])}"
            if task.manifest
            else escaped(task.error, 2000)
        )
        rows = [
            (relation(task.stage, port), made.get(digest, ""), code(digest[:12]))
            for port, digest in _pairs(task)
        ]
        line = f"{escaped(f'{task.stage} {task.plugin} · {task.state}')} · {said}"
        parts = [line, table(("", "task", "digest"), rows) if rows else ""]
        return cut("\n\n".join(filter(None, parts)), LONGEST, "… All of it: the tags of this run.")

    def _log_metrics(self, run_id: str, metrics: Sequence[Any]) -> None:
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _BATCH])

    def _inputs(self, run_id: str, task: TaskRecord) -> None:
        """Datasets among the inputs, so that MLflow shows them as such."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        made = {other.manifest.digest: other for other in self.tasks if other.manifest}
        datasets = [
            DatasetInput(
                Dataset(
                    name=made[digest].step,
                    digest=digest[:32],
                    source_type="slmworks",
                    source=json.dumps({"uri": f"{self.store.url}/objects/{digest}"}),
                    profile=json.dumps(dict(_numbers(made[digest].manifest))),
                ),
                [InputTag("mlflow.data.context", port)],
            )
            for port, digest in _pairs(task)
            if digest in made and _kind(made[digest]) == "Dataset"
        ]
        if datasets:
            self._client.log_inputs(run_id, datasets)

    def _attach(self, run_id: str, task: TaskRecord) -> dict[str, str]:
        """Files worth opening from the run's page; returns the tags that speak of them."""
        if task.trace:
            self._client.log_text(run_id, task.trace, "traceback.txt")
        if task.manifest is None:
            return {}
        self._client.log_text(run_id, task.manifest.dump(), "manifest.json")
        folder = folder_or_none(self.store, task.manifest.digest)
        if folder is None:
            return {}
        if task.manifest.kind == "Verdict":
            markdown, page = packet(self.store, task.manifest.digest)
            self._client.log_text(run_id, page, PAGE)
            return {
                "mlflow.note.content": cut(markdown, LONGEST, f"… All of it: {PAGE} among the artifacts.")
            }
        if task.traits.registers and not self.tracking.runs({RELEASE: task.manifest.digest}):
            upload(self._client, run_id, folder)
            return {RELEASE: task.manifest.digest}
        return {}


def _pairs(task: TaskRecord) -> Iterator[tuple[str, str]]:
    """(port, digest) of everything a task was given."""
    for port, digests in task.inputs.items():
        for digest in digests:
            yield port, digest


def _kind(task: TaskRecord) -> str:
    return task.manifest.kind if task.manifest else ""


def _about(task: TaskRecord) -> dict[str, str]:
    """Tags that say what the task was and what it was made from."""
    tags = {
        "slmworks.plugin": f"{task.stage} {task.plugin}",
        "slmworks.stage": task.stage,
        "slmworks.state": task.state,
        "slmworks.cached": "yes" if task.cached else "no",
        "slmworks.fingerprint": task.fingerprint,
        "slmworks.host": task.host,
    }
    if task.manifest:
        tags |= {DIGEST: task.manifest.digest, "slmworks.kind": task.manifest.kind}
        tags |= {f"slmworks.shared.{name}": digest for name, digest in task.manifest.shared.items()}
        tags |= {f"slmworks.ledger.{name}": identity for name, identity in task.manifest.ledgers.items()}
    if task.error:
        tags["slmworks.error"] = task.error
    for port, digests in task.inputs.items():
        joined = " ".join(digests)
        tags[f"input.{port}"] = joined
        tags[relation(task.stage, port)] = joined  # without a prefix: MLflow's page cuts long names
    return tags


def _tags(values: Mapping[str, str]) -> list[Any]:
    from mlflow.entities import RunTag

    return [RunTag(key, visible(value)[:LONGEST]) for key, value in values.items() if value]


def _params(options: Mapping[str, Any], known: Any) -> list[Any]:
    """Options as parameters. MLflow's can't be changed, so those that are there already stay out."""
    from mlflow.entities import Param

    there = known.data.params if known else {}
    return [
        Param(
            name,
            visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[
                :_PARAM_LENGTH
            ],
        )
        for name, value in options.items()
        if name not in there
    ]


def _curves(task: TaskRecord) -> Iterator[Any]:
    from mlflow.entities import Metric

    for point in task.metrics:
        for name, value in point.items():
            if name not in ("step", "time"):
                yield Metric(metric_name(name), float(value), round(point["time"] * 1000), int(point["step"]))


def _summary(task: TaskRecord, prefix: str = "") -> Iterator[Any]:
    """The numbers of the summary, the size and the time taken, as metrics without a curve."""
    from mlflow.entities import Metric

    if task.manifest is None:
        return
    drawn = {name for point in task.metrics for name in point}
    numbers = {"seconds": task.manifest.seconds, "bytes": task.manifest.size, **dict(_numbers(task.manifest))}
    for name, value in numbers.items():
        if name not in drawn:
            yield Metric(metric_name(prefix + name), float(value), milliseconds(task.ended), 0)


def _numbers(manifest: Manifest | None) -> Iterator[tuple[str, float]]:
    """Every finite number in a manifest's summary, nested names joined by '/'."""

    def walk(value: Any, name: str) -> Iterator[tuple[str, float]]:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                yield from walk(inner, f"{name}/{key}" if name else str(key))
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            yield name, value

    yield from walk(manifest.summary if manifest else {}, "")


def metric_name(name: str) -> str:
    """A name as MLflow allows it: letters, digits, '_', '-', '.', ' ', ':' and '/'."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250]


def _note(run: RunRecord, tasks: Iterable[TaskRecord]) -> str:
    """The description on the run's page: every task in the order of the plan."""
    ended = {task.task: task for task in tasks}
    rows = []
    for planned in run.plan:
        task = ended.get(planned["id"])
        made = task.manifest if task else None
        result = code(made.digest[:12]) if made else escaped(first_line(task.error) if task else "", 300)
        seconds = f"{made.seconds:.1f}" if made else ""
        named = f"{planned['stage']} {planned['plugin']}"
        rows.append((planned["id"], named, task.state if task else "waits", seconds, result))
    drawn = table(("task", "plugin", "state", "seconds", "result"), rows)
    rest = f"… All of it: {code(f'slmworks runs {run.run}')}"
    return cut(f"Recipe **{escaped(run.recipe)}** · {escaped(run.state)}\n\n{drawn}", LONGEST, rest)


def milliseconds(when: str) -> int:
    """An ISO 8601 time as milliseconds since 1970."""
    return round(datetime.fromisoformat(when).timestamp() * 1000)
