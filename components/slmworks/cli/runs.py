"""`slmworks runs`."""

import json
from typing import Any

import click

from slmworks.cli.places import store_option


@click.command()
@click.argument("run", required=False)
@store_option
def runs(run: str | None, store_url: str) -> None:
    """List the runs in this store, newest first; or show the tasks of one."""
    from slmworks.cli.console import columns, console
    from slmworks.errors import BadRequest, did_you_mean
    from slmworks.store import open_store

    store = open_store(store_url)
    records = {
        key.split("/")[1]: json.loads(store.read(key) or b"{}")
        for key in store.list("runs")
        if key.endswith("/run.json")
    }
    if run is not None and run not in records:
        raise BadRequest(f"no run '{run}' in {store}. {did_you_mean(run, records)}")
    if not records:
        click.echo(f"no runs in {store} yet: slmworks run RECIPE")
        return
    if run is None:
        table = columns("run", "recipe", "state", "started", "by")
        for name, record in sorted(records.items(), reverse=True):
            table.add_row(name, record["recipe"], _state(record), record["started"][:19], record["user"])
    else:
        table = columns("task", "plugin", "state", "seconds", "digest", "what came out", wrap="what came out")
        for task in records[run]["plan"]:
            words = _task(store.read(f"runs/{run}/{task['id']}.json"))
            table.add_row(task["id"], f"{task['stage']} {task['plugin']}", *words)
    console().print(table)


def _state(record: dict[str, Any]) -> str:
    if record["state"] == "done" and record.get("waiting"):
        return "waits for approval"
    return str(record["state"])


def _task(data: bytes | None) -> tuple[str, str, str, str]:
    from slmworks.cli.display import summary_words
    from slmworks.manifest import Manifest

    if data is None:
        return ("not reached", "", "", "")
    record = json.loads(data)
    if not record["manifest"] or record["manifest"].get("absent"):
        return (record["state"], "", "", record["error"])
    manifest = Manifest.model_validate(record["manifest"])
    return (record["state"], f"{manifest.seconds:.1f}", manifest.digest[:12], summary_words(manifest))
