"""The end of a run that an orchestrator ran: records of its tasks completed, MLflow brought up to date.

The local engine writes its records itself. On a cluster no engine of ours runs: the pipeline's last task ends
the run.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.execution.outcome import HAVE
from slmworks.execution.records import RunRecord, TaskRecord, run_record, task_records, utc
from slmworks.execution.spec import TaskSpec
from slmworks.registry.log import Registry
from slmworks.store import Store

Ending = Literal["done", "failed", "stopped"]

DIED = "stopped without a report: its container was killed (by hand, or out of memory)"
UNSEEN = "was never seen: its container did not start, or the task before it could not hand on its result"


def begin(store: Store, spec: TaskSpec, engine: str) -> None:
    """Begin a run's record, or reopen it: called by its first task, and by one that is run again later."""
    record = RunRecord.of(
        spec.run,
        "running",
        {},
        recipe=spec.recipe,
        engine=engine,
        started=utc(time.time()),
        user=spec.user,
        typed=_is_typed(spec.user, engine),
    )
    if record.create(store):
        return
    known = run_record(store, spec.run)
    if known is not None and known.ended:
        known.changed(state="running", ended=None, waiting=None).write(store)


def close(
    store: Store,
    run: str,
    ending: Ending | None,
    plan: Mapping[str, Any],
    *,
    engine: str,
    tracking: str,
    unreached: str = "",
) -> list[str]:
    """End a run's record; `plan` is its `plan_record`. Returns lines for people, the worst last.

    `ending`: the orchestrator's state of the run; None: unknown, so it follows from the tasks' records.
    `unreached`: reason for tasks that were left out on purpose. MLflow being down fails nothing: the record
    is in the store, and `slmworks lineage sync` uploads it.
    """
    known = run_record(store, run)
    tasks = {task.task: task for task in task_records(store, run)}
    states = {name: task.state for name, task in tasks.items()}
    waiting = _waiting(store, tasks.values())
    label = f"{waiting[0]} v{waiting[1]} waits for approval" if waiting else ""
    ends = settled(plan["plan"], states, ending, left_out=unreached, waiting=label)
    for edge in plan["plan"]:
        if edge["id"] in ends:
            _task_at_end(store, run, edge, tasks.get(edge["id"]), ends[edge["id"]]).write(store)
    states |= {name: state for name, (state, _) in ends.items()}
    ending = ending or ("failed" if _is_broken(states) else "done")
    state = "refused" if ending == "done" and "refused" in states.values() else ending
    now, user = utc(time.time()), str(plan.get("user") or "")
    RunRecord.of(
        run,
        state,
        plan,
        engine=engine,
        started=_started(known, tasks.values()) or now,
        ended=now,
        user=user or (known.user if known else ""),
        typed=_is_typed(user, engine) or bool(known and not user and known.typed),
        waiting=waiting,
    ).write(store)
    lines = [f"{name}: {why}" for name, (end, why) in ends.items() if end == "failed"]
    if waiting and state == "done":
        lines += keep_packet(store, run, *waiting)
    return [f"{run}: {state}", *lines, *_upload(store, run, tracking)]


def reopen(store: Store, run: str, *, tracking: str) -> list[str]:
    """Clear the candidate of a closed run that a person has decided about. Returns lines for people.

    The rest of the record stays: the recipe may have been edited since.
    """
    known = run_record(store, run)
    if known is None:
        raise BadRequest(f"run {run} has no record in {store}; its task `close` writes it.")
    waiting = known.waiting
    if waiting and Registry(store).state(waiting[0]).version(waiting[1]).status != "candidate":
        known.changed(waiting=None).write(store)
    return [f"{run}: {known.state}", *_upload(store, run, tracking)]


def _upload(store: Store, run: str, tracking: str) -> list[str]:
    if not tracking:
        return []
    from slmworks.tracking.sync import sync

    try:
        return [f"lineage {sync(store, tracking, run, overrule=False)}"]
    except (SlmworksError, ModuleNotFoundError) as error:
        return [f"lineage not uploaded ({error}); later: slmworks lineage sync"]


def _is_typed(user: str, engine: str) -> bool:
    """True for a user that nobody but the form of a run names: Kubeflow tells its tasks none."""
    return bool(user) and engine == "kubeflow"


def keep_packet(store: Store, run: str, name: str, version: int) -> list[str]:
    """Write the reviewer's packet beside the run's record, for servers that cannot draw it themselves."""
    from slmworks.packet.gather import packet

    try:
        verdict = Registry(store).state(name).version(version).registered.verdict
        text, page = packet(store, verdict, run, brief=True)
    except (SlmworksError, ModuleNotFoundError) as error:
        return [f"no packet for the reviewer: {error}"]
    store.write(packet_key(run), text.encode())
    store.write(page_key(run), page.encode())
    return []


def packet_key(run: str) -> str:
    """Key of the packet of the version that a run registered, as Markdown for a form."""
    return f"runs/{run}/packet.md"


def page_key(run: str) -> str:
    """Key of the packet as an HTML page."""
    return f"runs/{run}/packet.html"


# --- states of tasks -------------------------------------------------------------------------------


def settled(
    plan: Sequence[Mapping[str, Any]],
    recorded: Mapping[str, str],
    ending: Ending | None,
    *,
    left_out: str = "",
    waiting: str = "",
) -> dict[str, tuple[str, str]]:
    """Task -> state and error to write, for the tasks of a plan whose record does not stand.

    `recorded`: task -> state in its record. `left_out`: reason for tasks that were left out on purpose;
    `waiting`: the approval for which the tasks behind it wait.
    """
    states, found = dict(recorded), dict[str, tuple[str, str]]()
    first = not all(edge.get("after_approval") for edge in plan)
    for edge in plan:  # each after those that it needs
        task, behind = edge["id"], first and bool(edge.get("after_approval"))
        end = state_of(
            states.get(task),
            blocking=_blocking(edge, plan, states),
            ending=ending,
            broken=_is_broken(states),
            behind=behind,
            left_out=(waiting if behind else "") or left_out,
        )
        if end is not None:
            found[task] = end
            states[task] = end[0]
    return found


def state_of(
    recorded: str | None, *, blocking: str, ending: Ending | None, broken: bool, behind: bool, left_out: str
) -> tuple[str, str] | None:
    """State and error of one task at the end of its run; None if its record stands.

    `recorded`: the state in its record; None: there is none. `blocking`: the first input that does not exist
    and its state. `broken`: another task failed, which explains why this one did not run. `behind`: it waits
    for an approval that ends the run.
    """
    stale = bool(blocking) and recorded in HAVE  # of an earlier try of the same run
    if recorded not in (None, "running") and not stale:
        return None
    if ending == "stopped":
        return "stopped", "stopped with the run"
    if recorded == "running":
        return "failed", DIED
    if not (blocking or broken or behind) and ending != "done":
        return "failed", UNSEEN
    return "skipped", left_out or blocking or "not reached"


def _blocking(edge: Mapping[str, Any], plan: Sequence[Mapping[str, Any]], states: Mapping[str, str]) -> str:
    """The first input of a task that does not exist, with its state; '' if all exist."""
    planned = {other["id"] for other in plan}
    needs = [need for makers in edge["inputs"].values() for need in makers if need in planned]
    blocking = next((need for need in needs if states.get(need) not in HAVE), "")
    return f"{blocking} {states[blocking]}" if blocking in states else "not reached" if blocking else ""


def _is_broken(states: Mapping[str, str]) -> bool:
    return any(state in ("failed", "running") for state in states.values())


def _task_at_end(
    store: Store, run: str, edge: Mapping[str, Any], known: TaskRecord | None, end: tuple[str, str]
) -> TaskRecord:
    """The record to write for a task; its curves stay."""
    now, (state, error) = utc(time.time()), end
    if known is None:
        words = {word: edge[word] for word in ("id", "step", "stage", "plugin")}
        spec = TaskSpec(run=run, store=store.url, **words)
        known = TaskRecord.of(spec, state, started=now, ended=now, options=edge.get("options", {}))
    return known.changed(state=state, ended=now, error=error)


def _waiting(store: Store, tasks: Iterable[TaskRecord]) -> tuple[str, int] | None:
    """Name and version that a person has to decide about."""
    for task in tasks:
        if task.traits.registers and task.manifest is not None:
            name, version = task.manifest.meta["name"], int(task.manifest.meta["version"])
            if Registry(store).state(name).version(version).status == "candidate":
                return name, version
    return None


def _started(known: RunRecord | None, tasks: Iterable[TaskRecord]) -> str:
    starts = [task.started for task in tasks] + ([known.started] if known else [])
    return min(starts, default="")
