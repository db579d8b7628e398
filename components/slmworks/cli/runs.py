"""`slmworks runs`."""

import contextlib
import json
from itertools import islice
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line

if TYPE_CHECKING:
    from slmworks.execution.records import RunRecord, TaskRecord
    from slmworks.store import Store

LAST = 30
"""Runs that are listed."""


@click.command()
@click.argument("run", required=False)
@click.option(
    "--last", type=click.IntRange(min=1), default=LAST, show_default=True, help="So many runs are listed."
)
@with_places(kubeflow=True)
def runs(run: str | None, last: int, places: Places) -> None:
    """List the latest runs in this store, newest first; or show the tasks of one.

    RUN is a name, a unique beginning of one, or the short name that the list shows.

    A run of this machine whose engine was killed is closed first: its state is then `killed`.
    Where --host or the engine file names a Kubeflow, it is asked about the runs there that go on.
    """
    from slmworks.cli.console import Columns
    from slmworks.contract.errors import BadRequest, SlmworksError
    from slmworks.execution.history import newest_runs
    from slmworks.execution.records import run_ids, run_record, task_records
    from slmworks.execution.run_names import full_name, short_name
    from slmworks.lineage.liveness import close_dead
    from slmworks.lineage.stopped import stopped_in

    store = places.store
    with contextlib.suppress(SlmworksError, OSError):  # who may only read sees runs as they were left
        close_dead(store)
    if places.host or (places.engine_path and places.engine.settings.kubeflow.host):
        _ask(places)
    if run is None:
        records = list(islice(newest_runs(store), last))
        if not records:
            say(f"no runs in {store} yet: slmworks run RECIPE")
            return
        table = Columns(("run", "engine", "recipe", "state", "started", "by"), wrap=("recipe", "by"))
        for one in records:
            state = _state(one, store)
            table.add(short_name(one.run), one.engine, one.recipe, state, one.started[:19], one.user)
    else:
        run = full_name(store, run)
        record = run_record(store, run)
        if record is None:
            raise BadRequest(f"run {run} in {store} was killed at its start and left no record.")
        _head(record, store)
        table = Columns(
            ("task", "plugin", "state", "seconds", "digest", "what came out"), wrap=("what came out",)
        )
        ended = {task.task: task for task in task_records(store, run)}
        plan = record.plan or [task.model_dump() | {"id": task.task} for task in ended.values()]
        for task in plan:
            words = _task(ended.get(task["id"]))
            table.add(task["id"], f"{task['stage']} {task['plugin']}", *words)
    table.show()
    if run is not None:
        for candidate in stopped_in(store, list(ended.values())):
            say(f"stopped  {one_line(candidate.name)} {one_line(candidate.words)}")
    if run is None and len(records) == last and (more := len(run_ids(store)) - last) > 0:
        say(f"{more} earlier ones: slmworks runs --last {last + more}")


def _head(record: "RunRecord", store: "Store") -> None:
    """Print the run's name, and what was changed for it in its recipe's options."""
    say(f"run {record.run} · {record.recipe} · {_state(record, store)} · {record.started[:19]}")
    for edit in record.edits:
        say(f"  {edit.step}.{edit.option} {_value(edit.was)} → {_value(edit.now)}")


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _ask(places: Places) -> None:
    """Bring the records of runs on Kubeflow up to date; a server that is down is only reported."""
    from slmworks.contract.errors import SlmworksError
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import require_kfp
    from slmworks.engines.kubeflow.runs import refresh, unfinished

    if not unfinished(places.store):
        return
    try:
        require_kfp()
        refresh(places.store, Pipelines.connect(places.engine.settings.kubeflow, places.host))
    except SlmworksError as error:
        say(f"slmworks: {one_line(error)} States of runs on Kubeflow are as of their last word.", err=True)


def _state(record: "RunRecord", store: "Store") -> str:
    """The run's state; of one that came to a version also what the log says of it by now."""
    from slmworks.contract.errors import SlmworksError
    from slmworks.registry.log import Registry

    if record.state != "done" or not record.waiting:
        return record.state
    name, number = record.waiting
    with contextlib.suppress(SlmworksError):
        status = Registry(store).state(name).version(number).status
        return "waits for approval" if status == "candidate" else f"done, {status}"
    return "waits for approval"


def _task(record: "TaskRecord | None") -> tuple[str, str, str, str]:
    from slmworks.engines.lines import summary_words

    if record is None:
        return ("not reached", "", "", "")
    if record.manifest is None:
        return (record.state, "", "", record.error)
    manifest = record.manifest
    return (record.state, f"{manifest.seconds:.1f}", manifest.digest[:12], summary_words(manifest))
