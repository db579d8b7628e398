"""One pipeline run in MLflow: a parent, and a nested run for each task that has ended.

Every call here may be repeated: runs are found again by their tags, values that are there already are
not added twice, and the tag that says "complete" is written last.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from slmworks.execution.records import RunRecord, TaskRecord
from slmworks.lineage.ancestry import relation
from slmworks.packet.gather import packet
from slmworks.packet.markdown_text import code, cut, escaped, table
from slmworks.store.contract import folder_or_none
from slmworks.tracking.connection import Tracking
from slmworks.tracking.data_sets import cards, entity
from slmworks.tracking.entries import (
    LONGEST,
    about_of,
    curves_of,
    kind_of,
    milliseconds,
    mlflow_name,
    note_of,
    pairs_of,
    params_of,
    seed_of,
    summary_of,
    tags_of,
)
from slmworks.tracking.transfer import upload

if TYPE_CHECKING:
    from slmworks.store import Store

RUN, TASK, COMPLETE, RELEASE = "slmworks.run", "slmworks.task", "slmworks.complete", "slmworks.release"
"""Tags: which run, which task (`-` for the parent), digest of the record that is uploaded, release held."""

PARENT = "mlflow.parentRunId"
DATASET = "Dataset"
MADE = "made"
"""Context of a data set that a run made, beside the ports of those that it was given."""
PAGE = "verdict.html"
"""The reviewer's packet, a file of the gate's run."""

STATUS = {
    "done": "FINISHED",
    "cached": "FINISHED",
    "refused": "FINISHED",
    "failed": "FAILED",
    "stopped": "KILLED",
    "killed": "KILLED",
}
"""State in our records -> MLflow's; a run that goes on has no state in here."""
NEVER_BEGUN = "skipped"
"""State of a task that waits for a person, or for something that failed."""

_BATCH, _PARAMS = 900, 100
"""Metrics, and parameters, of one request."""


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
            if task.state == NEVER_BEGUN and task.task not in self._known:
                continue  # the parent's description says so; a run that is scheduled for ever says nothing
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
        self._log_options()
        tags = {
            "slmworks.state": self.run.state,
            "slmworks.version": self.run.version,
            "slmworks.recipe": recipe if self.run.text else "",
            "mlflow.user": self.run.user,
            "slmworks.store": self.store.url,
            "mlflow.note.content": note_of(self.run, self.tasks),
            COMPLETE: seal,
        }
        measured = [
            metric
            for task in self.tasks
            if kind_of(task) == "Report"
            for metric in summary_of(task, f"{task.task}/")
        ]
        self._log_metrics(self._parent, measured)
        if self.run.ended:
            status = STATUS.get(self.run.state, "FINISHED")
            self._client.set_terminated(self._parent, status, milliseconds(self.run.ended))
        self._client.log_batch(self._parent, tags=tags_of(tags))

    def _log_options(self) -> None:
        """Every option of every task as `task.option`, which MLflow compares runs by."""
        named = {
            mlflow_name(f"{task['id']}.{name}"): value
            for task in self.run.plan
            for name, value in {**task.get("options", {}), **seed_of(task)}.items()
        }
        params = params_of(named, self._known.get("-"))
        for start in range(0, len(params), _PARAMS):
            self._client.log_batch(self._parent, params=params[start : start + _PARAMS])

    # --- a task ------------------------------------------------------------------------------------

    def _task(self, task: TaskRecord) -> None:
        tags = {PARENT: self._parent, "mlflow.user": self.run.user}
        run_id = self._open(task.task, task.task, task.started, tags)
        planned = next((one for one in self.run.plan if one["id"] == task.task), {})
        options = {**task.options, **seed_of(planned)}
        self._client.log_batch(run_id, params=params_of(options, self._known.get(task.task)))
        self._log_metrics(run_id, [*curves_of(task), *summary_of(task)])
        self._inputs(run_id, task)
        extra = {"mlflow.note.content": self._task_note(task), **self._attach(run_id, task)}
        if task.state != "running":
            self._client.set_terminated(run_id, STATUS.get(task.state, "FINISHED"), milliseconds(task.ended))
        self._client.log_batch(
            run_id, tags=tags_of({**about_of(task), **extra, PARENT: self._parent, COMPLETE: task.seal})
        )

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
            for port, digest in pairs_of(task)
        ]
        line = f"{escaped(f'{task.stage} {task.plugin} · {task.state}')} · {said}"
        parts = [line, table(("", "task", "digest"), rows) if rows else ""]
        return cut("\n\n".join(filter(None, parts)), LONGEST, "… All of it: the tags of this run.")

    def _data_note(self, task: TaskRecord, card: str) -> str:
        """The description of a run that curated: the card, and what the data were made from."""
        note = f"{card}\n{self._task_note(task)}"
        return cut(note, LONGEST, "… All of it: card.html among the artifacts.")

    def _log_metrics(self, run_id: str, metrics: Sequence[Any]) -> None:
        for start in range(0, len(metrics), _BATCH):
            self._client.log_batch(run_id, metrics=metrics[start : start + _BATCH])

    def _inputs(self, run_id: str, task: TaskRecord) -> None:
        """Data sets that it was given, and that it made, so that MLflow shows them as such."""
        made = {other.manifest.digest: other for other in self.tasks if other.manifest}
        datasets = [
            entity(self.store, made[digest], port)
            for port, digest in pairs_of(task)
            if digest in made and kind_of(made[digest]) == DATASET
        ]
        if kind_of(task) == DATASET:
            datasets.append(entity(self.store, task, MADE))
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
            markdown, page = packet(self.store, task.manifest.digest, self.run.run)
            self._client.log_text(run_id, page, PAGE)
            return {
                "mlflow.note.content": cut(markdown, LONGEST, f"… All of it: {PAGE} among the artifacts.")
            }
        if task.manifest.kind == DATASET:
            files = cards(self.store, folder, self.run, task)
            for name, text in files.items():
                self._client.log_text(run_id, text, name)
            return {"mlflow.note.content": self._data_note(task, files["card.md"])} if files else {}
        if task.traits.registers and not self.tracking.runs({RELEASE: task.manifest.digest}):
            upload(self._client, run_id, folder)
            return {RELEASE: task.manifest.digest}
        return {}
