"""`slmworks close`: the last task of a pipeline that an orchestrator runs."""

import os

import click


@click.command()
@click.option("--executor-input", required=True, help="What Kubeflow passes to a component as {{$}}.")
def close(executor_input: str) -> None:
    """End the record of a run on Kubeflow, and bring MLflow up to date; MLflow being down fails nothing."""
    from slmworks.engines.closing import close as end
    from slmworks.engines.kubeflow.entry import ExecutorInput
    from slmworks.engines.kubeflow.packed import unpack
    from slmworks.engines.kubeflow.runs import ENDINGS, keep_following
    from slmworks.store import open_store

    said = ExecutorInput.read(executor_input)
    what, run = unpack(said.parameter("what")), said.parameter("run")
    store = open_store(what.pop("store"))
    after = what.pop("after_approval")
    if after:
        keep_following(store, run, after)
    ending = ENDINGS.get(said.status)
    tracking = os.environ.get("SLMWORKS_TRACKING", "")
    for line in end(store, run, ending, what, engine="kubeflow", tracking=tracking):
        click.echo(line)
    said.finish({})
