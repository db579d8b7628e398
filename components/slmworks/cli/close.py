"""`slmworks close`: the last task of a run that an orchestrator runs."""

import os
import sys

import click

from slmworks.cli.console import say
from slmworks.cli.places import orchestrator_option
from slmworks.contract.errors import BadRequest
from slmworks.contract.plain_text import one_line

FAILED = 3
"""Exit code for a run that has failed, where the orchestrator is to see it."""


@click.command()
@click.option(
    "--what", help="What ends: packed JSON, as the engine passes it; '-' reads it from standard input."
)
@orchestrator_option
@click.option("--executor-input", help="Instead of the others: what Kubeflow passes to a component as {{$}}.")
def close(what: str | None, orchestrator: str, executor_input: str | None) -> int:
    """End the record of a run that an orchestrator ran, and bring MLflow up to date.

    MLflow being down fails nothing. Exit codes: 0 ended, 3 ended, and the run has failed (not on Kubeflow).
    """
    from slmworks.engines.close_run import Ending, reopen
    from slmworks.engines.close_run import close as end
    from slmworks.execution.encoded import unpack
    from slmworks.execution.records import run_record
    from slmworks.store import open_store

    if executor_input is not None:
        _in_a_pod(executor_input)
        return 0
    if what is None:
        raise BadRequest("slmworks close needs --what (an engine passes it), or --executor-input.")
    told = unpack(sys.stdin.read() if what == "-" else what)
    store, run, unreached = open_store(told.pop("store")), told.pop("run"), told.pop("unreached", "")
    tracking = os.environ.get("SLMWORKS_TRACKING", "")
    ending: Ending | None = "done" if unreached else None
    if "plan" in told:
        lines = end(store, run, ending, told, engine=orchestrator, tracking=tracking, unreached=unreached)
    else:
        lines = reopen(store, run, tracking=tracking)
    for line in lines:
        say(one_line(line))
    ended = run_record(store, run)
    return FAILED if ended and ended.state == "failed" else 0


def _in_a_pod(executor_input: str) -> None:
    from slmworks.engines.close_run import close as end
    from slmworks.engines.kubeflow.changed import as_it_ran
    from slmworks.engines.kubeflow.entry import ExecutorInput
    from slmworks.engines.kubeflow.runs import ENDINGS, keep_following
    from slmworks.execution.encoded import unpack
    from slmworks.store import open_store

    said = ExecutorInput.read(executor_input)
    what, run = unpack(said.parameter("what")), said.parameter("run")
    store = open_store(said.parameter("store"))
    if after := what.pop("after_approval"):
        keep_following(store, run, after)
    plan = {**what, "recipe": said.parameter("recipe"), "user": said.parameters.get("requester", "")}
    ending = ENDINGS.get(said.status)
    tracking = os.environ.get("SLMWORKS_TRACKING", "")
    for line in end(store, run, ending, as_it_ran(store, run, plan), engine="kubeflow", tracking=tracking):
        say(one_line(line))
    said.finish({})
