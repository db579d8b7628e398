"""The local engine: tasks as processes of this machine, side by side within its cores.

No server and no queue: the store knows every result, so running again is resuming.
"""

import contextlib
import selectors
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast

from slmworks.contract.errors import SlmworksError
from slmworks.contract.manifest import Manifest
from slmworks.engines.barrier import barrier
from slmworks.engines.child import Child
from slmworks.engines.engine_file import EngineFile
from slmworks.engines.schedule import Schedule
from slmworks.engines.uploader import Uploader
from slmworks.execution.cache import find
from slmworks.execution.identity import identify
from slmworks.execution.missing_inputs import absence, digests_of, present
from slmworks.execution.outcome import HAVE, Outcome, State
from slmworks.execution.records import RunRecord, TaskRecord, task_record, utc
from slmworks.execution.spec import TaskSpec
from slmworks.fetch import Source
from slmworks.lineage import alive
from slmworks.machine.locks import sweep
from slmworks.recipe.lower import Plan, PlannedTask
from slmworks.recipe.origins import fetched_model, refusals
from slmworks.recipe.plan import plan_record
from slmworks.registry.log import Registry, claimed_user
from slmworks.store import Store

POLL = 0.2
"""Seconds between two polls of the children while none of them sends an event."""
SOON = 0.01
"""Seconds until the next poll of a child that has closed its pipe."""


class Observer(Protocol):
    """Observer of a run: a display."""

    def began(self, run: "Run") -> None:
        """The run starts."""

    def started(self, task_id: str) -> None:
        """A task starts."""

    def event(self, task_id: str, event: dict[str, Any]) -> None:
        """A running task emits an event."""

    def ended(self, task_id: str, outcome: Outcome, seconds: float) -> None:
        """A task is over, one way or another."""


@dataclass
class Run:
    """One execution of a plan on this machine."""

    plan: Plan
    store: Store
    cores: int
    observer: Observer
    fresh: frozenset[str] = frozenset()
    """Steps to run again though they were done before."""
    tracking: str = ""
    """MLflow's address for the lineage; empty: it is only spooled."""
    engine: EngineFile = field(default_factory=EngineFile)
    """Families with an environment of their own."""
    id: str = field(
        default_factory=lambda: f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:4]}"
    )
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    waiting: tuple[str, int] | None = None
    """Name and version that wait for approval."""
    worked: bool = False
    """True if a task that can be cached had to run."""
    exit_code: int = 0
    _sources: dict[str, dict[str, Source]] = field(default_factory=dict)
    _children: dict[str, Child] = field(default_factory=dict)
    _missed: set[str] = field(default_factory=set)
    _since: dict[str, float] = field(default_factory=dict)
    _started: float = field(default_factory=time.time)
    _uploader: Uploader | None = None
    _hopeless: str = ""
    """The task that a pretrained model rules out: nothing more is started."""

    def execute(self) -> int:
        """Run to the end or to the barrier. Returns the exit code of DESIGN's table."""
        # What a task in an environment of its own depends on is known only there, so it looks for itself.
        self._missed = {task.id for task in self.plan if self.engine.python(task.family)}
        for task in self.plan:
            # a mistake in it is told before anything runs
            self.engine.workers(task, here=task.id not in self._missed)
        sweep(self.store.cache)
        self._sources = self.plan.pinned(Registry(self.store))
        with alive(self.store, self.id):
            return self._to_the_end()

    def _to_the_end(self) -> int:
        self._write("running")
        self.observer.began(self)
        try:
            while self._advance():
                self._listen()
        except BaseException:
            for child in self._children.values():
                child.kill()
            with contextlib.suppress(SlmworksError):  # the store may be why we stop
                for task_id in self._children:
                    self._record(self.plan.tasks[task_id], Outcome("stopped", error="stopped with the run"))
                self._write("stopped", ended=True)
            raise
        self.exit_code = self._verdict()
        self._write({0: "done", 99: "refused"}.get(self.exit_code, "failed"), ended=True)
        return self.exit_code

    def wait_for_lineage(self, seconds: float) -> str:
        """Wait for the uploader; a line for people if it is not done by then, else ''."""
        return self._uploader.wait(seconds) if self._uploader else ""

    # --- the loop ----------------------------------------------------------------------------------

    def _advance(self) -> bool:
        """Settle and start tasks; False if none runs then."""
        while sum(map(self._settle, self._schedule.ready(self.outcomes, self._children))):
            pass  # one that is settled can make others ready
        running = {task_id: child.spec.threads for task_id, child in self._children.items()}
        for task, threads in self._schedule.starts(self.outcomes, running):
            self._start(task, threads)
        return bool(self._children)

    @cached_property
    def _schedule(self) -> Schedule:
        return Schedule(self.plan, self.cores)

    def _settle(self, task: PlannedTask) -> bool:
        """End a task without running it, where that is possible."""
        if why := self._why_skipped(task):
            return self._end(task, Outcome("skipped", error=why))
        sources = self._sources[task.id]
        nothing = absence(task.configured, self._given(task), sources.values())
        if nothing is not None:
            outcome = Outcome("absent", nothing, error=nothing.absent)
            self._record(task, outcome)
            return self._end(task, outcome)
        if task.configured.barrier and (barrier := self._barrier(task)):
            if barrier.state == "failed":
                self._record(task, barrier)
            return self._end(task, barrier)
        if task.step in self.fresh or not task.configured.cacheable or task.id in self._missed:
            return False
        identity = identify(self._spec(task), task.configured, present(self._given(task)), sources)
        manifest = find(self.store, identity)
        if manifest is None:
            self._missed.add(task.id)
            return False
        outcome = Outcome("cached" if manifest.passed else "refused", manifest)
        self._record(task, outcome, cached=True, fingerprint=identity)
        return self._end(task, outcome)

    def _why_skipped(self, task: PlannedTask) -> str:
        blocking = next((n for n in task.needs if self.outcomes[n].state not in HAVE), None)
        if blocking is None:
            return self._hopeless
        how = self.outcomes[blocking]
        return how.error if how.state == "skipped" else f"{blocking} {how.state}"

    def _start(self, task: PlannedTask, threads: int) -> None:
        python = self.engine.python(task.family)
        self.worked = self.worked or (task.configured.cacheable and python is None)
        if self.tracking and self._uploader is None:
            self._uploader = Uploader.start(self.store, self.tracking, self.id)
        spec = self._spec(task, threads)
        inputs = {port: [self._record_path(maker) for maker in ids] for port, ids in task.inputs.items()}
        self._children[task.id] = Child.start(spec, inputs, self._path(f"{task.id}.log"), python)
        self._since[task.id] = time.time()
        self.observer.started(task.id)

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            for child in self._children.values():
                if child.fileno is not None:
                    selector.register(child.fileno, selectors.EVENT_READ)
            ending = any(child.fileno is None for child in self._children.values())
            selector.select(SOON if ending else POLL)
        for task_id, child in list(self._children.items()):
            code = child.ended()  # asked before reading, so that its last events are read too
            for event in child.read_events():
                self.observer.event(task_id, event)
            if code is not None:
                self._reap(task_id, child, code)

    def _reap(self, task_id: str, child: Child, code: int) -> None:
        child.close()
        del self._children[task_id]
        task = self.plan.tasks[task_id]
        record = task_record(self.store, self.id, task_id)
        if code in (0, 99) and record and record.result:
            self.worked = self.worked or (task.configured.cacheable and not record.cached)
            self._end(task, Outcome(cast("State", record.state), record.result))
            return
        error = (record.error if record else "") or self._why_dead(child, code)
        if record is None:
            self._record(task, Outcome("failed", error=error))
        elif record.state == "running":  # its curve stays
            record.changed(state="failed", error=error, ended=utc(time.time())).write(self.store)
        self._end(task, Outcome("failed", error=error, code=2 if code == 2 else 1))

    def _why_dead(self, child: Child, code: int) -> str:
        if code == -9:
            return "was killed (signal 9: by hand, or for want of memory); run again to go on from here"
        return f"ended with code {code}: {child.last_line()}"

    def _end(self, task: PlannedTask, outcome: Outcome) -> bool:
        self.outcomes[task.id] = outcome
        if outcome.manifest is None and outcome.state != "failed":
            self._record(task, outcome)
        self.observer.ended(task.id, outcome, time.time() - self._since.get(task.id, time.time()))
        if outcome.manifest is not None and task.sources:
            self._look_ahead(task, outcome.manifest)
        return True

    def _look_ahead(self, fetch: PlannedTask, brought: Manifest) -> None:
        """Fail the tasks that a pretrained model rules out, before anything is trained from it."""
        model = fetched_model(self.store, brought)
        for task, problem in refusals(self.plan, fetch.id, model) if model else ():
            if task.id not in self.outcomes:
                failed = Outcome("failed", error=problem, code=2)
                self._record(task, failed)
                self._hopeless = f"{task.id} failed"
                self._end(task, failed)

    # --- what a task is given ----------------------------------------------------------------------

    def _spec(self, task: PlannedTask, threads: int = 1) -> TaskSpec:
        return task.spec(
            run=self.id,
            store=self.store.url,
            sources=self._sources[task.id],
            threads=self.cores if task.configured.exclusive else threads,
            fresh=task.step in self.fresh,
            workers=self.engine.workers(task),
        )

    def _given(self, task: PlannedTask) -> dict[str, list[Manifest]]:
        made = {need: self.outcomes[need].manifest for need in task.needs}
        return task.given({need: manifest for need, manifest in made.items() if manifest is not None})

    def _barrier(self, task: PlannedTask) -> Outcome | None:
        ((given,),) = self._given(task).values()
        blocked = barrier(Registry(self.store), given, self.tracking)
        if blocked is not None and blocked.state == "skipped":
            self.waiting = (given.meta["name"], int(given.meta["version"]))
        return blocked

    # --- records -----------------------------------------------------------------------------------

    def _path(self, name: str) -> Path:
        return self.store.root / "runs" / self.id / name

    def _record_path(self, task_id: str) -> Path:
        return self._path(f"{task_id}.json")

    def _record(
        self, task: PlannedTask, outcome: Outcome, *, cached: bool = False, fingerprint: str = ""
    ) -> None:
        now = utc(time.time())
        made = outcome.manifest
        TaskRecord.of(
            self._spec(task),
            outcome.state,
            cached=cached,
            started=now,
            ended=now,
            options=task.options,
            inputs=digests_of(present(self._given(task))) if made else {},
            fingerprint=fingerprint,
            manifest=made,
            error=outcome.error,
        ).write(self.store)

    def _write(self, state: str, *, ended: bool = False) -> None:
        RunRecord.of(
            self.id,
            state,
            plan_record(self.plan, self.engine.settings.costs),
            started=utc(self._started),
            ended=utc(time.time()) if ended else None,
            user=claimed_user()[0],
            waiting=self.waiting,
        ).write(self.store)

    def _verdict(self) -> int:
        failed = [outcome.code for outcome in self.outcomes.values() if outcome.state == "failed"]
        if failed:
            return min(failed)  # something that broke outweighs something that could not be done
        return 99 if any(outcome.state == "refused" for outcome in self.outcomes.values()) else 0
