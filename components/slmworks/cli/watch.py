"""Watching a run on Kubeflow from a terminal: a line whenever a task's state changes."""

import time
from typing import TYPE_CHECKING

from slmworks.cli.console import say
from slmworks.contract.plain_text import one_line
from slmworks.engines.kubeflow.component import slug

if TYPE_CHECKING:
    from slmworks.engines.kubeflow.client import Pipelines, RunState
    from slmworks.execution.records import TaskRecord
    from slmworks.store import Store

LOOK = (1.0, 10.0)
"""Seconds between two polls: at first, and at most."""
MISSED = 5
"""Polls in a row that may fail: servers are restarted under long runs."""
MARKS = {"SUCCEEDED": "✓", "FAILED": "✗", "RUNNING": "▸", "SKIPPED": "·", "CANCELED": "·"}


def watch(store: "Store", pipelines: "Pipelines", run: str) -> "RunState":
    """Poll a run until it has ended, and print changes."""
    from slmworks.execution.records import run_record

    known = run_record(store, run)
    names = {slug(edge["id"]): edge["id"] for edge in known.plan} if known else {}
    told: dict[str, str] = {}
    pause, missed, shown = LOOK[0], 0, ""
    while True:
        state, missed = _look(pipelines, run, missed)
        if state is None:
            time.sleep(pause)
            continue
        if state.state != shown:
            shown = state.state
            say(f"run    {shown.lower()}")
        if _tell(store, run, names, state, told):
            pause = LOOK[0]
        if state.over:
            return state
        time.sleep(pause)
        pause = min(LOOK[1], pause * 1.3)


def _look(pipelines: "Pipelines", run: str, missed: int) -> "tuple[RunState | None, int]":
    from slmworks.contract.errors import TaskFailed

    try:
        return pipelines.state(run), 0
    except TaskFailed as error:
        if missed + 1 >= MISSED:
            raise TaskFailed(f"{error} The run goes on; its states are not known here.") from None
        return None, missed + 1


def _tell(store: "Store", run: str, names: dict[str, str], state: "RunState", told: dict[str, str]) -> bool:
    """Print the tasks whose state has changed; False if there are none."""
    changed = False
    for shown, now in state.tasks.items():
        task = names.get(slug(shown))
        if task is None or told.get(task) == now or now in ("PENDING", ""):
            continue
        told[task], changed = now, True
        said = _words(_record(store, run, task), now)
        say(one_line(f"{MARKS.get(now, '·')} {task}: {said}"))
    return changed


def _record(store: "Store", run: str, task: str) -> "TaskRecord | None":
    from slmworks.execution.records import task_record

    return task_record(store, run, task)


def _words(record: "TaskRecord | None", state: str) -> str:
    """The recorded state of a task that has ended, else Kubeflow's state."""
    from slmworks.engines.lines import summary_words

    if record is None or state in ("RUNNING", "CANCELED"):
        return state.lower()
    words = summary_words(record.manifest) if record.manifest else record.error
    return f"{record.state}{': ' + words if words else ''}"
