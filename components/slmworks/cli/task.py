"""`slmworks task`: what every engine starts."""

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slmworks.cli.places import orchestrator_option
from slmworks.contract.errors import BadRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from slmworks.contract.manifest import Manifest
    from slmworks.execution.run import Outcome, Running
    from slmworks.execution.spec import TaskSpec


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
    from slmworks.execution.run import Running
    from slmworks.execution.spec import TaskSpec
    from slmworks.machine.cores import usable_cores
    from slmworks.machine.process import PARENT, adopt_environment, die_with

    if executor_input is not None:
        return _in_a_pod(executor_input)
    if spec is None:
        raise BadRequest("slmworks task needs --spec (an engine passes it), or --executor-input.")
    if parent := os.environ.pop(PARENT, ""):
        die_with(int(parent))
    decoded = TaskSpec.decode(sys.stdin.read() if spec == "-" else spec)
    threads = decoded.threads or usable_cores()
    adopt_environment(threads)
    decoded = decoded.model_copy(update={"threads": threads})
    work = Running.run if alone else _in_turn
    if orchestrator:
        outcome = _unwatched(decoded, inputs, orchestrator, work)
    else:
        outcome = work(Running.prepare(decoded, _given(inputs, decoded), _emit(events, decoded.id)))
    if out and outcome.manifest:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(outcome.manifest.dump(), encoding="utf-8")
    return 99 if outcome.state == "refused" else 0


def _in_turn(running: "Running") -> "Outcome":
    """Run a task within the cores of this machine, beside others that share them."""
    from slmworks.machine.locks import cores

    plugin = running.plugin
    threads = 0 if plugin.light else running.spec.threads
    with cores(running.store.cache, threads, alone=plugin.exclusive, waiting=running.say_busy):
        return running.run()


def _unwatched(
    spec: "TaskSpec", inputs: tuple[str, ...], orchestrator: str, work: "Callable[[Running], Outcome]"
) -> "Outcome":
    """Run a task that no engine of ours watches; lines like the terminal's."""
    from slmworks.engines.lines import Lines, ended_line, started_line
    from slmworks.engines.orchestrated import perform
    from slmworks.store import open_store

    began = time.monotonic()
    outcome = perform(
        open_store(spec.store),
        spec,
        lambda: _given(inputs, spec),
        Lines(spec.id).event,
        engine=orchestrator,
        tracking=os.environ.get("SLMWORKS_TRACKING", ""),
        started=lambda: click.echo(started_line(spec.id, spec.stage, spec.plugin)),
        run=work,
    )
    click.echo(ended_line(spec.id, outcome, time.monotonic() - began))
    return outcome


def _in_a_pod(executor_input: str) -> int:
    """Lines like the terminal's, the error last; a refused gate is no failure of a pod."""
    from slmworks.engines.kubeflow.pod_task import PodTask
    from slmworks.engines.lines import Lines, ended_line, started_line

    pod = PodTask.read(executor_input)
    spec, began = pod.spec, time.monotonic()
    outcome = pod.perform(
        Lines(spec.id).event,
        os.environ.get("SLMWORKS_TRACKING", ""),
        lambda: click.echo(started_line(spec.id, spec.stage, spec.plugin)),
    )
    click.echo(ended_line(spec.id, outcome, time.monotonic() - began))
    return 0


def _emit(events: int | None, task_id: str) -> Any:
    if events is None:
        from slmworks.engines.lines import Lines

        return Lines(task_id).event
    pipe = os.fdopen(events, "w", buffering=1, encoding="utf-8")

    def emit(event: dict[str, Any]) -> None:
        pipe.write(json.dumps(event) + "\n")

    return emit


def _given(inputs: tuple[str, ...], spec: "TaskSpec") -> "dict[str, Manifest | list[Manifest]]":
    from slmworks.contract.catalog import stage_class
    from slmworks.contract.errors import did_you_mean
    from slmworks.contract.stage import ports
    from slmworks.execution.missing_inputs import join

    known = ports(stage_class(spec.stage))
    pairs: list[tuple[str, Manifest]] = []
    for word in inputs:
        port, equals, where = word.partition("=")
        if not equals or port not in known:
            raise BadRequest(f"--in {word}: must be PORT=PATH or PORT=@TASK. {did_you_mean(port, known)}")
        pairs.append((port, _of_a_task(where[1:], spec) if where.startswith("@") else _manifest(Path(where))))
    return join(known, pairs)


def _of_a_task(name: str, spec: "TaskSpec") -> "Manifest":
    """A manifest from the store: what a task of this run, or of the run that is named, came to."""
    from slmworks.execution.records import made_by
    from slmworks.store import open_store

    run, _, task_id = name.rpartition("/")
    return made_by(open_store(spec.store), run or spec.run, task_id)


def _manifest(path: Path) -> "Manifest":
    """A manifest from its own file, or from the record of the task that made it."""
    from slmworks.contract.manifest import Manifest

    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"--in {path}: cannot read a manifest there ({error}).") from None
    if isinstance(data, dict) and "manifest" in data:
        data = data["manifest"]
    return Manifest.read(json.dumps(data), where=str(path))
