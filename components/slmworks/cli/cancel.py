"""`slmworks cancel`."""

import click

from slmworks.cli.places import engine_file_option, engine_of, host_option


@click.command()
@click.argument("name", metavar="RUN")
@engine_file_option
@host_option
def cancel(name: str, engine_path: str | None, host: str | None) -> None:
    """Stop RUN on Kubeflow, or end the schedule of that id for good. What was finished stays."""
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import require_kfp

    require_kfp()
    pipelines = Pipelines.connect(engine_of(engine_path).settings.kubeflow, host)
    what = pipelines.cancel(name)
    click.echo(f"{what} {name} {'is being stopped' if what == 'run' else 'is ended'}")
