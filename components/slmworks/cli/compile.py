"""`slmworks compile`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmworks.cli.places import chosen_store, engine_file_option, engine_of, store_option

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile
    from slmworks.engines.kubeflow.pipeline import Compiled
    from slmworks.planned import Plan
    from slmworks.store import Store


LARGE = 1_000_000
"""Characters of YAML from which a person is told."""


@click.command()
@click.argument("recipe")
@click.option(
    "--engine", type=click.Choice(["kubeflow"]), default="kubeflow", show_default=True, expose_value=False
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The file to write; - prints it."
)
@engine_file_option
@store_option
@click.option("--fresh", multiple=True, metavar="STEP", help="Run this step again though it was done before.")
def compile(  # noqa: A001 - the command's name
    recipe: str, output: Path, engine_path: str | None, store_url: str, fresh: tuple[str, ...]
) -> None:
    """Write RECIPE as a Kubeflow pipeline. Local files that it reads go into the store.

    What follows an approval is a pipeline of its own, written beside it as `NAME.after-approval.yaml`.
    """
    settings = engine_of(engine_path)
    store = chosen_store(store_url, settings, shared=True)
    planned = planned_for(recipe, fresh)
    compiled = lower(planned, settings, store, frozenset(fresh))
    if str(output) == "-":
        click.echo(compiled.first, nl=False)
        return
    written = [output]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(compiled.first, encoding="utf-8")
    if compiled.second:
        written.append(output.with_suffix(f".after-approval{output.suffix}"))
        written[-1].write_text(compiled.second, encoding="utf-8")
    say_if_large(compiled)
    sizes = ", ".join(f"{path} ({path.stat().st_size / 1000:,.0f} kB)" for path in written)
    click.echo(f"{planned.recipe.name} · {len(planned)} tasks · store {store} · wrote {sizes}")


def planned_for(recipe: str, fresh: tuple[str, ...]) -> "Plan":
    """The recipe's plan; BadRequest for a step to run again that isn't there."""
    from slmworks.errors import BadRequest, did_you_mean
    from slmworks.plan import plan
    from slmworks.recipe import Recipe

    planned = plan(Recipe.read(recipe))
    for step in fresh:
        if step not in planned.recipe.steps:
            raise BadRequest(f"--fresh {step}: no such step. {did_you_mean(step, planned.recipe.steps)}")
    return planned


def say_if_large(compiled: "Compiled") -> None:
    """Say when a pipeline comes near what Kubeflow can keep; it is the cluster that decides."""
    if len(compiled.first) > LARGE:
        click.echo(
            f"note   {len(compiled.first) / 1e6:.1f} MB of YAML: Kubeflow keeps a pipeline and the states "
            "of its tasks in one object of 1.5 MB at most; fewer branches, or several recipes, are safer.",
            err=True,
        )


def lower(planned: "Plan", settings: "EngineFile", store: "Store", fresh: frozenset[str]) -> "Compiled":
    """The plan as Kubeflow takes it, and its local files in the store."""
    from slmworks.cli.lines import Lines
    from slmworks.engines.bring import bring
    from slmworks.engines.kubeflow.pipeline import compile_plan

    sources = planned.pinned(None)
    compiled = compile_plan(planned, settings, store.url, sources, fresh)
    bring(planned, sources, store, Lines("store", lambda line: click.echo(line, err=True)).event)
    return compiled
