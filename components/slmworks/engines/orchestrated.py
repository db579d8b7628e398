"""One task that an orchestrator runs: no engine of ours watches, so it writes the run's record itself."""

import time
from collections.abc import Callable

from slmworks.contract.errors import SlmworksError
from slmworks.contract.stage import Emit
from slmworks.engines.close_run import begin
from slmworks.engines.uploader import beside
from slmworks.execution.missing_inputs import Given
from slmworks.execution.outcome import Outcome
from slmworks.execution.records import TaskRecord, utc
from slmworks.execution.run import Running
from slmworks.execution.spec import TaskSpec
from slmworks.store import Store

Perform = Callable[[Running], Outcome]
Changed = Callable[[TaskSpec], TaskSpec]


def perform(
    store: Store,
    spec: TaskSpec,
    given: Callable[[], Given],
    emit: Emit,
    *,
    engine: str,
    tracking: str,
    started: Callable[[], None] = lambda: None,
    run: Perform = Running.run,
    changed: Changed = lambda spec: spec,
) -> Outcome:
    """Run the task and record its end, a failure too. `tracking`: MLflow's address; empty: no curves.

    `engine`: the orchestrator's name for the run's record; `run` does the work, within its turn for the
    cores. `changed` gives the spec with what a person changed for this run, and may refuse that.
    """
    begin(store, spec, engine)
    try:
        running = Running.prepare(changed(spec), given(), emit)
    except (SlmworksError, OSError) as error:
        now = utc(time.time())
        TaskRecord.of(spec, "failed", started=now, ended=now, error=str(error)).write(store)
        raise
    running.record("running", None)  # a task that is killed from here on has begun
    started()
    with beside(store, tracking, spec.run):
        return run(running)
