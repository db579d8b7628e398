"""The last word on a run that an orchestrator ran: how it ended, and MLflow brought up to date.

The local engine says that itself. On a cluster nobody of ours watches, so the pipeline's last task does.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.execution.records import (
    RunRecord,
    TaskRecord,
    run_bytes,
    run_record,
    task_records,
    utc,
    write_record,
    write_run,
)
from slmworks.execution.run import HAVE
from slmworks.execution.spec import TaskSpec
from slmworks.registry.log import Registry
from slmworks.store import Store

Ending = Literal["done", "failed", "stopped"]

DIED = "ended without a word: its container was killed (by hand, or for want of memory)"
UNSEEN = "was never seen: its container did not start, or the task before it could not hand on its result"


def begin(store: Store, spec: TaskSpec, engine: str) -> None:
    """Say that a run goes on: its first task does, and the first that is run again after it had ended."""
    now, key = utc(time.time()), f"runs/{spec.run}/run.json"
    what = {"recipe": spec.recipe, "engine": engine, "started": now, "ended": None, "plan": list[str]()}
    if store.create(key, run_bytes(spec.run, "running", what)):
        return
    known = json.loads(store.read(key) or b"{}")
    if known.get("ended"):
        store.write(key, run_bytes(spec.run, "running", {**_said(known), "ended": None, "waiting": None}))


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

    `ending` is what the orchestrator says; None where it doesn't know: then the tasks' records tell.
    `unreached` is why tasks were left out on purpose. MLflow being down fails nothing: the record is in the
    store, and `slmworks lineage sync` uploads it.
    """
    known = run_record(store, run)
    ledger = _Ledger(
        store, run, plan["plan"], {task.task: task for task in task_records(store, run)}, unreached
    )
    waiting = ledger.waiting()
    lines = list(ledger.complete(ending, waiting))
    ending = ending or ("failed" if ledger.broken else "done")
    state = "refused" if ending == "done" and ledger.refused else ending
    now = utc(time.time())
    what = {
        **plan,
        "engine": engine,
        "started": _started(known, ledger.ended) or now,
        "ended": now,
        "user": plan.get("user") or (known.user if known else ""),
        "waiting": waiting,
    }
    write_run(store, run, state, what)
    if waiting and state == "done":
        lines += keep_packet(store, run, *waiting)
    return [f"{run}: {state}", *lines, *_upload(store, run, tracking)]


def reopen(store: Store, run: str, *, tracking: str) -> list[str]:
    """Look again at a run that was ended: whether it still waits for a person. Returns lines for people.

    What it was is left as it is: the recipe may have been edited since.
    """
    key = f"runs/{run}/run.json"
    known = json.loads(store.read(key) or b"{}")
    if not known:
        raise BadRequest(f"run {run} has no record in {store}; its task `close` writes it.")
    waiting = known.get("waiting")
    if waiting and Registry(store).state(waiting[0]).version(int(waiting[1])).status != "candidate":
        store.write(key, run_bytes(run, known["state"], {**_said(known), "waiting": None}))
    return [f"{run}: {known['state']}", *_upload(store, run, tracking)]


def _said(record: Mapping[str, Any]) -> dict[str, Any]:
    """A run's record without the words that are written anew."""
    return {word: value for word, value in record.items() if word not in ("run", "state", "version")}


def _upload(store: Store, run: str, tracking: str) -> list[str]:
    if not tracking:
        return []
    from slmworks.tracking.sync import sync

    try:
        return [f"lineage {sync(store, tracking, run, overrule=False)}"]
    except (SlmworksError, ModuleNotFoundError) as error:
        return [f"lineage not uploaded ({error}); later: slmworks lineage sync"]


def keep_packet(store: Store, run: str, name: str, version: int) -> list[str]:
    """Put what a reviewer reads of a version beside the run's record: whoever asks may lack what draws it."""
    from slmworks.packet.gather import packet

    try:
        text, page = packet(store, Registry(store).state(name).version(version).registered.verdict)
    except (SlmworksError, ModuleNotFoundError) as error:
        return [f"no packet for the reviewer: {error}"]
    store.write(packet_key(run), text.encode())
    store.write(page_key(run), page.encode())
    return []


def packet_key(run: str) -> str:
    """Where the packet of what a run registered lies, as Markdown."""
    return f"runs/{run}/packet.md"


def page_key(run: str) -> str:
    """Where the packet lies as an HTML page."""
    return f"runs/{run}/packet.html"


@dataclass
class _Ledger:
    """What a run's tasks wrote, beside what was planned."""

    store: Store
    run: str
    plan: Sequence[Mapping[str, Any]]
    ended: dict[str, TaskRecord]
    unreached: str = ""
    """Why tasks were left out, where that was meant."""
    broken: bool = False
    """Whether a task failed, died or never came, that nothing else explains."""

    @property
    def refused(self) -> bool:
        return any(record.state == "refused" for record in self.ended.values())

    def complete(self, ending: Ending | None, waiting: tuple[str, int] | None) -> Iterator[str]:
        """Write what tasks could not write themselves; yields lines about those that died."""
        ids = {edge["id"] for edge in self.plan}
        second = all(edge.get("after_approval") for edge in self.plan)
        states = {task: record.state for task, record in self.ended.items()}
        self.broken = any(state in ("failed", "running") for state in states.values())
        for edge in self.plan:
            task = edge["id"]
            needs = [need for makers in edge["inputs"].values() for need in makers if need in ids]
            blocking = next((need for need in needs if states.get(need) not in HAVE), None)
            stale = blocking is not None and states.get(task) in HAVE  # of an earlier try of the same run
            if stale:
                del states[task], self.ended[task]
            if states.get(task, "running") != "running":
                continue
            state, why = "skipped", self.unreached or _because(blocking, states)
            if task in states:
                state, why = "failed", DIED
            elif edge.get("after_approval") and not second:
                why = f"{waiting[0]} v{waiting[1]} waits for approval" if waiting else why
            elif blocking is None and not self.broken and ending in ("failed", None):
                state, why, self.broken = "failed", UNSEEN, True
            if ending == "stopped":
                state, why = "stopped", "stopped with the run"
            states[task] = state
            self._write(edge, state, why)
            if state == "failed":
                yield f"{task}: {why}"

    def _write(self, edge: Mapping[str, Any], state: str, why: str) -> None:
        """What a task that goes on has told of itself (its curves) stays."""
        now = utc(time.time())
        raw = self.store.read(f"runs/{self.run}/{edge['id']}.json")
        told = {"started": now, "options": edge.get("options", {}), **(json.loads(raw) if raw else {})}
        spec = TaskSpec(
            run=self.run,
            id=edge["id"],
            step=edge["step"],
            stage=edge["stage"],
            plugin=edge["plugin"],
            store=self.store.url,
        )
        write_record(self.store, spec, {**told, "state": state, "ended": now, "error": why})

    def waiting(self) -> tuple[str, int] | None:
        """Name and version that a person has to decide about."""
        for task in self.ended.values():
            if task.stage == "register" and task.manifest is not None:
                name, version = task.manifest.meta["name"], int(task.manifest.meta["version"])
                if Registry(self.store).state(name).version(version).status == "candidate":
                    return name, version
        return None


def _because(blocking: str | None, states: Mapping[str, str]) -> str:
    return f"{blocking} {states[blocking]}" if blocking in states and blocking else "not reached"


def _started(known: RunRecord | None, ended: Mapping[str, TaskRecord]) -> str:
    starts = [task.started for task in ended.values()] + ([known.started] if known else [])
    return min(starts, default="")
