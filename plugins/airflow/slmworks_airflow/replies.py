"""What is answered: one sentence, the page of a task or a run, the reviewer's packet, or the way to MLflow.

Needs nothing of Airflow. Where store and MLflow are, the engine file of this server says, not the request.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

from slmworks.contract.errors import BadRequest, SlmworksError
from slmworks.engines.airflow.line import ENGINE_FILE, TRACKING
from slmworks.engines.close_run import page_key
from slmworks.engines.engine_file import EngineFile
from slmworks.execution.outcome import HAVE
from slmworks.execution.records import TaskRecord, run_record, task_record, task_records
from slmworks.store import Store
from slmworks_airflow import tracked
from slmworks_airflow.asked import Asked
from slmworks_airflow.pages import run_page, sentence, task_page


@dataclass(frozen=True)
class Reply:
    """A page with its HTTP status, or an address to go to."""

    status: int = 200
    page: str = ""
    location: str = ""


def report(asked: Asked | None) -> Reply:
    """What is known of a task."""
    return _answer(asked, _report)


def mlflow(asked: Asked | None) -> Reply:
    """The way to a task's run in MLflow; to the whole run's, for a task that no recipe names."""
    return _answer(asked, _mlflow)


def _answer(asked: Asked | None, answer: Callable[[Asked, EngineFile], Reply]) -> Reply:
    if asked is None:
        return Reply(404, sentence("Airflow has no such task in no such run; it may have been deleted."))
    try:
        named = os.environ.get(ENGINE_FILE)
        if not named:
            raise BadRequest(
                f"Where runs are kept is not known here: set {ENGINE_FILE}, the path of the engine file, for "
                "Airflow's API server too."
            )
        return answer(asked, EngineFile.read(named))
    except (SlmworksError, OSError) as error:
        return Reply(503, sentence(str(error), asked))


def _report(asked: Asked, engine: EngineFile) -> Reply:
    store = engine.open_store()
    if asked.is_ours:
        return _run(asked, store)
    record = task_record(store, asked.kept_as, asked.planned)
    if record is None:
        said = f"{asked.planned} has left no record in {store.url} yet: a task does when it starts."
        return Reply(404, sentence(said, asked))
    packet = _packet(asked, store) if _is_judged(record) and record.state in HAVE else ""
    return Reply(page=packet or task_page(asked, record))


def _is_judged(record: TaskRecord) -> bool:
    """True for a task whose report is the reviewer's packet."""
    traits = record.traits
    return traits.decides or traits.registers or traits.barrier


def _run(asked: Asked, store: Store) -> Reply:
    run = run_record(store, asked.kept_as)
    if run is None:
        said = f"{asked.kept_as} has left no record in {store.url} yet: its first task begins it."
        return Reply(404, sentence(said, asked))
    packet = _packet(asked, store) if run.state != "refused" else ""  # else it is of an earlier try
    tasks = [] if packet else list(task_records(store, asked.kept_as))
    return Reply(page=packet or run_page(asked, run, tasks))


def _packet(asked: Asked, store: Store) -> str:
    return (store.read(page_key(asked.kept_as)) or b"").decode(errors="replace")


def _mlflow(asked: Asked, engine: EngineFile) -> Reply:
    tracking = os.environ.get(TRACKING) or engine.settings.tracking or ""
    if not tracking.startswith(("http://", "https://")):
        said = (
            "No MLflow server is named here: `slmworks ui` shows these runs from the store (after `slmworks "
            "lineage sync` where that is a bucket), or name a server in the engine file (tracking: https://…)."
        )
        return Reply(404, sentence(said, asked))
    task = tracked.PARENT if asked.is_ours else asked.planned
    found = tracked.page_of(tracking, asked.kept_as, task)
    if found is None:
        said = (
            f"{tracked.address(tracking)} has no run for {asked.task} yet: the task `close` uploads it "
            "at the end, and `slmworks lineage sync` does at any time."
        )
        return Reply(404, sentence(said, asked))
    return Reply(location=found)
