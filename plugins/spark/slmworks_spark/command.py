"""`python -m slmworks_spark application`: a step of a recipe as a SparkApplication."""

import io

import click

from slmworks.cli.edits import set_option
from slmworks.cli.lowering import planned_for
from slmworks.cli.places import Places, with_places
from slmworks.contract.errors import BadRequest, did_you_mean


@click.command("application")
@click.argument("recipe")
@click.argument("step")
@with_places()
@click.option(
    "--run", "run_id", required=True, help="A run of the recipe, in which the steps before are done."
)
@click.option("--account", default="spark", show_default=True, help="Service account of the driver.")
@click.option("--again", is_flag=True, help="Run it though its result is in the store.")
@set_option
def spark_application(
    recipe: str,
    step: str,
    places: Places,
    run_id: str,
    account: str,
    again: bool,  # noqa: FBT001 - a flag of the command line
    changes: tuple[str, ...],
) -> None:
    """Print STEP of RECIPE as a SparkApplication of Kubeflow's Spark operator.

    `kubectl apply -f -` takes it. Its result is in the store then, where pipelines of the recipe find it.
    """
    from ruamel.yaml import YAML

    from slmworks.contract.workers import engine_of
    from slmworks_spark.application import Environment, application
    from slmworks_spark.engine import Spark

    store, engine = places.shared_store(), places.engine
    planned, _ = planned_for(recipe, (), changes)
    tasks = {task.id: task for task in planned}
    if step not in tasks:
        raise BadRequest(f"{recipe}: no task named '{step}'. {did_you_mean(step, tasks)}")
    task = tasks[step]
    workers = engine.workers(task, here=True)
    options = engine_of(workers) if workers else None
    if not isinstance(options, Spark):
        why = (
            "has no `curate: {engine: spark, …}`"
            if task.configured.spreads
            else f"spreads no {task.stage} {task.plugin}"
        )
        raise BadRequest(f"{engine.file}: {why}, so Spark has nothing to do with '{step}'.")
    pod, image, said = engine.pod(task), engine.image(task), engine.settings
    spec = task.spec(
        run=run_id, store=store.url, sources={}, threads=pod.threads, fresh=again, workers=workers,
        recipe=planned.recipe.name,
    )  # fmt: skip
    tracking = {"SLMWORKS_TRACKING": said.tracking} if said.tracking else {}
    place = Environment(
        image=image,
        pod=pod,
        variables={"SLMWORKS_IMAGE": image, **tracking, **(pod.env or {})},
        secrets=engine.secrets(task),
        namespace=said.kubeflow.namespace or said.airflow.namespace,
        account=account,
        pull_secrets=said.kubeflow.pull_secrets or said.airflow.pull_secrets,
    )
    given = [f"{port}=@{run_id}/{maker}" for port, makers in task.inputs.items() for maker in makers]
    yaml, text = YAML(), io.StringIO()
    yaml.width = 10_000
    yaml.dump(application(options, spec, given, place), text)
    click.echo(text.getvalue(), nl=False)
