"""What a gate decided, as a person sees it: the table, the sentence and the page."""

from typing import TYPE_CHECKING

import click

from slmworks.artifact import Verdict

if TYPE_CHECKING:
    from slmworks.engines.local import Run


def show_verdicts(running: "Run") -> None:
    """Print every verdict of a run and write its page beside the run's records."""
    for task_id, outcome in running.outcomes.items():
        manifest = outcome.manifest
        if manifest is not None and manifest.kind == "Verdict" and manifest.digest:
            _show(running, task_id, manifest.digest)


def _show(running: "Run", task_id: str, digest: str) -> None:
    from slmworks.cli.console import console
    from slmworks.lineage.packets import packet
    from slmworks.packet import table

    verdict = Verdict(path=running.store.folder(digest)).read()
    click.echo()
    if verdict.get("rows"):  # a gate of a stranger may say only what it decided
        console().print(table(verdict))
    click.echo(f"gate   {verdict.get('sentence') or ('passed' if verdict.get('passed') else 'refused')}")
    page = f"runs/{running.id}/{task_id}.html"
    running.store.write(page, packet(running.store, digest)[1].encode())
    click.echo(f"page   {running.store.root / page}")
