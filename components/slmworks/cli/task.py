"""`slmworks task`: one task, as every engine starts it."""

import sys
from pathlib import Path

import click

from slmworks.cli.places import orchestrator_option
from slmworks.contract.errors import BadRequest


@click.command()
@click.option("--spec", help="The task's spec, base64; '-' reads it from standard input.")
@click.option(
    "--in",
    "inputs",
    multiple=True,
    metavar="PORT=WHERE",
    help="Manifest (or record) of an input: a file, @TASK of this run, or @RUN/TASK; repeat to join.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the manifest of the result.")
@click.option("--events", type=int, help="File descriptor for events as JSON lines; default: plain lines.")
@orchestrator_option
@click.option("--alone", is_flag=True, help="Nothing else runs here (a pod): take no turns for the cores.")
@click.option("--executor-input", help="Instead of the others: what Kubeflow passes as {{$}}.")
def task(
    spec: str | None,
    inputs: tuple[str, ...],
    out: Path | None,
    events: int | None,
    orchestrator: str,
    alone: bool,  # noqa: FBT001 - a flag of the command line
    executor_input: str | None,
) -> int:
    """Run one task: find its result in the store, or make it."""
    from slmworks.engines.entry import exit_code, run_in_a_pod, run_task

    if executor_input is not None:
        return run_in_a_pod(executor_input)
    if spec is None:
        raise BadRequest("slmworks task needs --spec (an engine passes it), or --executor-input.")
    word = sys.stdin.read() if spec == "-" else spec
    outcome = run_task(word, inputs, events=events, orchestrator=orchestrator, alone=alone)
    if out and outcome.manifest:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(outcome.manifest.dump(), encoding="utf-8")
    return exit_code(outcome)
