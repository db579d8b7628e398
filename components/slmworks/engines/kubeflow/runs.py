"""Runs on Kubeflow as records in the store: where they begin, what follows an approval, how they ended.

A run's tasks write their own records. What they can't know (who submitted, what follows, that somebody
stopped the run) is written from here.
"""

import time
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.engines.close_run import Ending, close
from slmworks.execution.records import RunRecord, run_ids, run_record, task_records, utc, write_run
from slmworks.registry.log import claimed_user

if TYPE_CHECKING:
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.store import Store

ENDINGS: dict[str, Ending] = {
    "SUCCEEDED": "done",
    "COMPLETE": "done",
    "CACHED": "done",
    "SKIPPED": "done",
    "FAILED": "failed",
    "CANCELED": "stopped",
    "CANCELLED": "stopped",
}
"""Kubeflow's states -> how a run of ours ended. Its last task is told other words than its API says (servers
that keep states in MLMD say COMPLETE, or still RUNNING); what isn't here, the tasks' records tell."""


def note(store: "Store", run: str, plan: dict[str, Any], after_approval: str = "") -> None:
    """Write down a run that was submitted just now."""
    if after_approval:
        keep_following(store, run, after_approval)
    known = run_record(store, run)
    if known is not None and known.ended is not None:
        return
    started = known.started if known else utc(time.time())
    what = {**plan, "engine": "kubeflow", "started": started, "ended": None, "user": claimed_user()[0]}
    write_run(store, run, known.state if known else "submitted", what)


def following(store: "Store", run: str) -> str:
    """The pipeline that follows the approval of what a run registered; '' where nothing does."""
    return (store.read(_after(run)) or b"").decode()


def keep_following(store: "Store", run: str, pipeline: str) -> None:
    """Write down what follows the approval of what a run registered."""
    store.write(_after(run), pipeline.encode())


def registered_in(store: "Store", name: str, version: int) -> str:
    """The newest run on Kubeflow that came to this version and has something to follow; '' when none has."""
    records = (run_record(store, run) for run in run_ids(store))
    found = [record for record in records if record and record.engine == "kubeflow"]
    for record in sorted(found, key=lambda one: one.started, reverse=True):
        tasks = task_records(store, record.run)
        registered = any(task.stage == "register" and task.holds(name, version) for task in tasks)
        if registered and following(store, record.run):
            return record.run
    return ""


def refresh(store: "Store", pipelines: "Pipelines") -> None:
    """Ask Kubeflow about the runs that go on as far as the store knows, and close those that don't."""
    for known in unfinished(store):
        try:
            found = pipelines.state(known.run)
        except BadRequest:  # another server's, or deleted there
            continue
        if found.over:
            end(store, known, found.state)


def unfinished(store: "Store") -> list[RunRecord]:
    """The runs on Kubeflow that go on as far as the store knows."""
    found = (run_record(store, run) for run in run_ids(store))
    return [known for known in found if known and known.engine == "kubeflow" and known.ended is None]


def end(store: "Store", known: RunRecord, state: str) -> list[str]:
    """Close a run's record, as its last task would have done; returns lines for people."""
    told = _recipe_of(known) | {"plan": known.plan}
    return close(store, known.run, ENDINGS.get(state), told, engine="kubeflow", tracking="")


def following_record(known: RunRecord) -> dict[str, Any]:
    """What the run of a second pipeline says of its plan."""
    return _recipe_of(known) | {"plan": [edge for edge in known.plan if edge.get("after_approval")]}


def _recipe_of(known: RunRecord) -> dict[str, Any]:
    return {"recipe": known.recipe, "file": known.file, "text": known.text}


def _after(run: str) -> str:
    return f"runs/{run}/after-approval.yaml"
