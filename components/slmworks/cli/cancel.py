"""`slmworks cancel`."""

import contextlib

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places
from slmworks.contract.errors import SlmworksError


@click.command()
@click.argument("name", metavar="RUN")
@with_places(kubeflow=True)
def cancel(name: str, places: Places) -> None:
    """Stop RUN on Kubeflow, or end the schedule of that id for good. What was finished stays."""
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import require_kfp
    from slmworks.execution.run_names import full_name

    require_kfp()
    with contextlib.suppress(SlmworksError, OSError):  # a schedule, or a run that the store doesn't know
        name = full_name(places.store, name)
    pipelines = Pipelines.connect(places.engine.settings.kubeflow, places.host)
    what = pipelines.cancel(name)
    say(f"{what} {name} {'is being stopped' if what == 'run' else 'is ended'}")
