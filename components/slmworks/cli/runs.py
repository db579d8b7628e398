"""`slmworks runs`."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.places import store_option

if TYPE_CHECKING:
    from slmworks.lineage.records import RunRecord, TaskRecord


@click.command()
@click.argument("run", required=False)
@store_option
def runs(run: str | None, store_url: str) -> None:
    """List the runs in this store, newest first; or show the tasks of one."""
    from slmworks.cli.console import columns, console
    from slmworks.errors import BadRequest, did_you_mean
    from slmworks.lineage.records import run_ids, run_record, task_records
    from slmworks.store import open_store

    store = open_store(store_url)
    found = ((name, run_record(store, name)) for name in run_ids(store))
    records = {name: record for name, record in found if record}
    if run is not None and run not in records:
        raise BadRequest(f"no run '{run}' in {store}. {did_you_mean(run, records)}")
    if not records:
        click.echo(f"no runs in {store} yet: slmworks run RECIPE")
        return
    if run is None:
        table = columns("run", "recipe", "state", "started", "by")
        for name, record in sorted(records.items(), reverse=True):
            table.add_row(name, record.recipe, _state(record), record.started[:19], record.user)
    else:
        table = columns("task", "plugin", "state", "seconds", "digest", "what came out", wrap="what came out")
        ended = {task.task: task for task in task_records(store, run)}
        for task in records[run].plan:
            words = _task(ended.get(task["id"]))
            table.add_row(task["id"], f"{task['stage']} {task['plugin']}", *words)
    console().print(table)


def _state(record: "RunRecord") -> str:
    return "waits for approval" if record.state == "done" and record.waiting else record.state


def _task(record: "TaskRecord | None") -> tuple[str, str, str, str]:
    from slmworks.cli.display import summary_words

    if record is None:
        return ("not reached", "", "", "")
    if record.manifest is None:
        return (record.state, "", "", record.error)
    manifest = record.manifest
    return (record.state, f"{manifest.seconds:.1f}", manifest.digest[:12], summary_words(manifest))
