"""`slmworks cancel`."""

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places


@click.command()
@click.argument("name", metavar="RUN")
@with_places(store=False, kubeflow=True)
def cancel(name: str, places: Places) -> None:
    """Stop RUN on Kubeflow, or end the schedule of that id for good. What was finished stays."""
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import require_kfp

    require_kfp()
    pipelines = Pipelines.connect(places.engine.settings.kubeflow, places.host)
    what = pipelines.cancel(name)
    say(f"{what} {name} {'is being stopped' if what == 'run' else 'is ended'}")
