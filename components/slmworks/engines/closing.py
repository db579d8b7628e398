"""The last word on a run that an orchestrator ran: how it ended, and MLflow brought up to date.

The local engine says that itself. On a cluster nobody of ours watches, so the pipeline's last task does.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from slmworks.errors import SlmworksError
from slmworks.lineage.records import RunRecord, TaskRecord, run_record, task_records
from slmworks.records import utc, write_record, write_run
from slmworks.registry import Registry
from slmworks.spec import TaskSpec
from slmworks.store import Store

Ending = Literal["done", "failed", "stopped"]

DIED = "ended without a word: its container was killed (by hand, or for want of memory) or never started"


def begin(store: Store, spec: TaskSpec, engine: str) -> None:
    """Say that a run goes on, unless that was said: the first task of a run does."""
    key = f"runs/{spec.run}/run.json"
    if store.read(key) is not None:
        return
    now = utc(time.time())
    what = {"recipe": spec.recipe, "engine": engine, "started": now, "ended": None, "plan": list[str]()}
    write_run(store, spec.run, "running", what)


def close(
    store: Store, run: str, ending: Ending, plan: Mapping[str, Any], *, engine: str, tracking: str
) -> list[str]:
    """End a run's record; `plan` is its `plan_record`. Returns lines for people, the worst last.

    MLflow being down fails nothing: the record is in the store, and `slmworks lineage sync` uploads it.
    """
    known = run_record(store, run)
    ended = {task.task: task for task in task_records(store, run)}
    lines = list(_complete(store, run, ending, plan, ended))
    refused = [task.task for task in ended.values() if task.state == "refused"]
    state = "refused" if ending == "done" and refused else ending
    now = utc(time.time())
    what = {
        **plan,
        "engine": engine,
        "started": _started(known, ended) or now,
        "ended": now,
        "user": known.user if known else "",
        "waiting": _waiting(store, ended),
    }
    write_run(store, run, state, what)
    lines.insert(0, f"{run}: {state}")
    if tracking:
        from slmworks.lineage import sync

        try:
            lines.append(f"lineage {sync(store, tracking, run, overrule=False)}")
        except (SlmworksError, ModuleNotFoundError) as error:
            lines.append(f"lineage not uploaded ({error}); later: slmworks lineage sync")
    return lines


def _complete(
    store: Store,
    run: str,
    ending: Ending,
    plan: Mapping[str, Any],
    ended: Mapping[str, TaskRecord],
) -> Iterator[str]:
    """Write the records that tasks could not write: those that died, and those that were not reached."""
    here = {task for task, record in ended.items() if record.state != "running"}
    ids = {edge["id"] for edge in plan["plan"]}
    failed = any(ended[task].state == "failed" for task in here)
    for edge in plan["plan"]:
        task = edge["id"]
        if task in here:
            continue
        needs = [need for makers in edge["inputs"].values() for need in makers if need in ids]
        reached = all(need in here and ended[need].manifest is not None for need in needs)
        died = task in ended or (ending == "failed" and not failed and reached)
        state, why = ("failed", DIED) if died else ("skipped", _why(needs, ended))
        if ending == "stopped":
            state, why = "stopped", "stopped with the run"
        spec = TaskSpec(
            run=run, id=task, step=edge["step"], stage=edge["stage"], plugin=edge["plugin"], store=store.url
        )
        now = utc(time.time())
        began = ended[task].started if task in ended else now
        write_record(store, spec, {"state": state, "started": began, "ended": now, "error": why})
        if died:
            yield f"{task}: {why}"


def _why(needs: list[str], ended: Mapping[str, TaskRecord]) -> str:
    blocking = next((ended[need] for need in needs if need in ended and ended[need].state != "done"), None)
    return f"{blocking.task} {blocking.state}" if blocking else "not reached"


def _started(known: RunRecord | None, ended: Mapping[str, TaskRecord]) -> str:
    starts = [task.started for task in ended.values()] + ([known.started] if known else [])
    return min(starts, default="")


def _waiting(store: Store, ended: Mapping[str, TaskRecord]) -> tuple[str, int] | None:
    """Name and version that a person has to decide about."""
    for task in ended.values():
        if task.stage == "register" and task.manifest is not None:
            name, version = task.manifest.meta["name"], int(task.manifest.meta["version"])
            if Registry(store).state(name).version(version).status == "candidate":
                return name, version
    return None
