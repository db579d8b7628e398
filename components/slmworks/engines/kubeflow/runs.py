"""Records of runs on Kubeflow: their submission, the pipeline behind an approval, their end.

A run's tasks write their own records. Here is written the rest: who submitted the run, the steps behind its
approval, and its end from outside.
"""

import time
from typing import TYPE_CHECKING, Any

from slmworks.contract.errors import BadRequest
from slmworks.engines.close_run import Ending, close
from slmworks.engines.kubeflow.changed import as_it_ran
from slmworks.execution.history import runs_with, unfinished_runs
from slmworks.execution.records import RunRecord, run_record, utc
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
"""Kubeflow's state of a run -> ours. Its last task gets other states than its API gives (servers that keep
states in MLMD: COMPLETE, or still RUNNING); for a missing one the tasks' records decide."""


def note(store: "Store", run: str, plan: dict[str, Any], after_approval: str = "") -> None:
    """Write down a run that was submitted just now."""
    if after_approval:
        keep_following(store, run, after_approval)
    known = run_record(store, run)
    if known is not None and known.ended is not None:
        return
    started = known.started if known else utc(time.time())
    state = known.state if known else "submitted"
    record = RunRecord.of(run, state, plan, engine="kubeflow", started=started, user=claimed_user()[0])
    record.write(store)


def following(store: "Store", run: str) -> str:
    """The pipeline behind the approval of a run's release; '' if there is none."""
    return (store.read(_after(run)) or b"").decode()


def keep_following(store: "Store", run: str, pipeline: str) -> None:
    """Keep the pipeline behind the approval of a run's release."""
    store.write(_after(run), pipeline.encode())


def registered_in(store: "Store", name: str, version: int) -> str:
    """The newest run on Kubeflow that came to this version and has something to follow; '' when none has."""
    for record in runs_with(store, name, version):
        if record.engine == "kubeflow" and following(store, record.run):
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
    return [known for known in unfinished_runs(store) if known.engine == "kubeflow"]


def end(store: "Store", known: RunRecord, state: str) -> list[str]:
    """Close a run's record, as its last task would have done; returns lines for people."""
    plan = _recipe_of(known) | {"plan": known.plan}
    plan = as_it_ran(store, known.run, plan)
    return close(store, known.run, ENDINGS.get(state), plan, engine="kubeflow", tracking="")


def following_record(known: RunRecord) -> dict[str, Any]:
    """The plan of a second pipeline, as its run's record keeps it."""
    return _recipe_of(known) | {"plan": [edge for edge in known.plan if edge.get("after_approval")]}


def _recipe_of(known: RunRecord) -> dict[str, Any]:
    edits = [edit.model_dump(mode="json") for edit in known.edits]
    about = {"recipe": known.recipe, "file": known.file, "text": known.text}
    costs = known.costs.model_dump(mode="json") if known.costs else None
    return about | ({"edits": edits} if edits else {}) | ({"costs": costs} if costs else {})


def _after(run: str) -> str:
    return f"runs/{run}/after-approval.yaml"
