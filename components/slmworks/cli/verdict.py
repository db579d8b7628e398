"""What a gate decided, as a person sees it: the table, the sentence and the page."""

from typing import TYPE_CHECKING, Any

import click

from slmworks.artifact import Artifact, Manifest, Report, Verdict

if TYPE_CHECKING:
    from slmworks.engines.local import Run
    from slmworks.store import Store


def show_verdicts(running: "Run") -> None:
    """Print every verdict of a run and write its page beside the run's records."""
    for task_id, outcome in running.outcomes.items():
        manifest = outcome.manifest
        if manifest is None or manifest.kind != "Verdict":
            continue
        folder = running.store.folder(manifest.digest)
        verdict = Verdict(path=folder, meta=manifest.meta).read()
        _print_table(verdict)
        click.echo(f"{'gate':6} {verdict['sentence']}")
        page = f"runs/{running.id}/{task_id}.html"
        running.store.write(page, _page(running.store, manifest, verdict).encode())
        click.echo(f"{'page':6} {running.store.root / page}")


def _print_table(verdict: dict[str, Any]) -> None:
    from slmworks.cli.console import console
    from slmworks.packet import table

    click.echo()
    console().print(table(verdict))


def _page(store: "Store", manifest: Manifest, verdict: dict[str, Any]) -> str:
    from slmworks.packet import page

    reports = [
        Artifact.open(store.folder(digest), digest=digest)
        for role, digest in manifest.refs.items()
        if role.startswith("report.")
    ]
    return page(verdict, [report for report in reports if isinstance(report, Report)])
