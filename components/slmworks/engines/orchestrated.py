"""One task that an orchestrator runs: nobody of ours watches, so it keeps the run's record itself."""

import time
from collections.abc import Callable

from slmworks.contract.errors import SlmworksError
from slmworks.contract.stage import Emit
from slmworks.engines.close_run import begin
from slmworks.engines.uploader import beside
from slmworks.execution.missing_inputs import Given
from slmworks.execution.records import utc, write_record
from slmworks.execution.run import Outcome, Running
from slmworks.execution.spec import TaskSpec
from slmworks.store import Store

Perform = Callable[[Running], Outcome]


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
) -> Outcome:
    """Run the task; whatever happens, its record says so. `tracking`: where its curves go; empty: nowhere.

    `engine` is what runs it, for the run's record; `run` does the work, in whatever has to surround it.
    """
    begin(store, spec, engine)
    try:
        running = Running.prepare(spec, given(), emit)
    except (SlmworksError, OSError) as error:
        now = utc(time.time())
        what = {"state": "failed", "started": now, "ended": now, "error": str(error)}
        write_record(store, spec, what)
        raise
    running.record("running", None)  # whoever is killed from here on has begun
    started()
    with beside(store, tracking, spec.run):
        return run(running)
