"""Entry point of one task: its spec, inputs and events from the arguments that an engine gives it.

The console's `slmworks task`, a child process of the local engine and a pod all start here.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from slmworks.contract import catalog
from slmworks.contract.errors import BadRequest, SlmworksError, did_you_mean, exit_of
from slmworks.contract.manifest import Manifest
from slmworks.contract.stage import inlets
from slmworks.execution.missing_inputs import join
from slmworks.execution.outcome import Outcome
from slmworks.execution.records import made_by
from slmworks.execution.run import Running
from slmworks.execution.spec import TaskSpec
from slmworks.machine.cores import usable_cores
from slmworks.machine.locks import cores
from slmworks.machine.process import PARENT, adopt_environment, die_with, stop
from slmworks.store import open_store


def run_task(
    word: str,
    inputs: Sequence[str] = (),
    *,
    events: int | None = None,
    orchestrator: str = "",
    alone: bool = False,
) -> Outcome:
    """Find or make the result of the task with the encoded spec `word`; `inputs` are like `port=PATH`.

    `events`: file descriptor for events as JSON lines; None: plain lines on standard output. `orchestrator`:
    name of the orchestrator, where no engine of ours watches. `alone`: nothing else runs here (a pod), so it
    takes no turn for the cores.
    """
    if parent := os.environ.pop(PARENT, ""):
        die_with(int(parent))
    spec = TaskSpec.decode(word)
    threads = spec.threads or usable_cores()
    adopt_environment(threads)
    spec = spec.model_copy(update={"threads": threads})
    work = Running.run if alone else _in_turn
    if orchestrator:
        return _orchestrated(spec, inputs, orchestrator, work)
    return work(Running.prepare(spec, _given(inputs, spec), _emit(events, spec.id)))


def exit_code(outcome: Outcome) -> int:
    """0, or 99 for a verdict that refuses."""
    return 99 if outcome.state == "refused" else 0


def main(word: str, inputs: Sequence[str], events: int) -> NoReturn:
    """Be the process of one task: run it, print an error as one line, and exit with its code."""
    signal.signal(signal.SIGTERM, stop)
    try:
        code = exit_code(run_task(word, inputs, events=events))
    except (SlmworksError, OSError, KeyboardInterrupt) as error:
        line, code = exit_of(error)
        click.echo(line, err=True)
    sys.exit(code)


def _in_turn(running: Running) -> Outcome:
    """Run a task within the cores of this machine, beside others that share them."""
    plugin = running.plugin
    threads = 0 if plugin.light else running.spec.threads
    with cores(running.store.cache, threads, alone=plugin.exclusive, waiting=running.say_busy):
        return running.run()


def _orchestrated(
    spec: TaskSpec, inputs: Sequence[str], orchestrator: str, work: Callable[[Running], Outcome]
) -> Outcome:
    """Run a task that no engine of ours watches; lines like the terminal's."""
    from slmworks.engines.lines import Lines, ended_line, started_line
    from slmworks.engines.orchestrated import perform

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


def run_in_a_pod(executor_input: str) -> int:
    """Run the task of a pod: lines like the terminal's; a refused gate is no failure of a pod."""
    from slmworks.engines.kubeflow.pod_task import PodTask
    from slmworks.engines.lines import Lines, ended_line, started_line

    pod = PodTask.read(executor_input)
    spec, began = pod.spec, time.monotonic()
    if note := pod.other_version():
        click.echo(f"{spec.id}: {note}")
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


def _given(inputs: Sequence[str], spec: TaskSpec) -> dict[str, list[Manifest]]:
    known = inlets(catalog.plugin(spec.stage, spec.plugin).load())
    pairs: list[tuple[str, Manifest]] = []
    for word in inputs:
        port, equals, where = word.partition("=")
        if not equals or port not in known:
            raise BadRequest(f"--in {word}: must be PORT=PATH or PORT=@TASK. {did_you_mean(port, known)}")
        pairs.append((port, _of_a_task(where[1:], spec) if where.startswith("@") else _manifest(Path(where))))
    return join(known, pairs)


def _of_a_task(name: str, spec: TaskSpec) -> Manifest:
    """The result of a task of this run, or of RUN in `RUN/TASK`, by its record."""
    run, _, task_id = name.rpartition("/")
    return made_by(open_store(spec.store), run or spec.run, task_id)


def _manifest(path: Path) -> Manifest:
    """A manifest from its own file, or from the record of the task that made it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRequest(f"--in {path}: cannot read a manifest there ({error}).") from None
    if isinstance(data, dict) and "manifest" in data:
        data = data["manifest"]
    return Manifest.read(json.dumps(data), where=str(path))
