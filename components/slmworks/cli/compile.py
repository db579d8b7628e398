"""`slmworks compile`."""

from pathlib import Path

import click

from slmworks.cli.console import say
from slmworks.cli.edits import set_option
from slmworks.cli.lowering import lower, planned_for, say_if_large
from slmworks.cli.places import Places, with_places
from slmworks.numbers.figures import size


@click.command()
@click.argument("recipe")
@click.option(
    "--engine", type=click.Choice(["kubeflow"]), default="kubeflow", show_default=True, expose_value=False
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write; - prints it. Default: RECIPE.kfp.yaml, in this folder.",
)
@with_places()
@click.option("--fresh", multiple=True, metavar="STEP", help="Run this step again though it was done before.")
@set_option
@click.option("--no-upload", is_flag=True, help="Leave local files where they are: for checks, without keys.")
def compile(  # noqa: A001 - the command's name
    recipe: str,
    output: Path | None,
    places: Places,
    fresh: tuple[str, ...],
    changes: tuple[str, ...],
    no_upload: bool,  # noqa: FBT001 - a flag of the command line
) -> None:
    """Write RECIPE as a Kubeflow pipeline. Local files that it reads go into the store.

    What follows an approval is a pipeline of its own, written beside it as `NAME.after-approval.yaml`.
    """
    store = places.shared_store()
    planned, again = planned_for(recipe, fresh, changes)
    compiled = lower(planned, places.engine, store, again, upload=not no_upload, without="--no-upload")
    say_if_large(compiled)
    output = output or Path(f"{Path(recipe).stem}.kfp.yaml")
    if str(output) == "-":
        click.echo(compiled.first, nl=False)
        if compiled.second:
            say("note   what follows the approval is not in it; write to a file to get both", err=True)
        return
    written = [output]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(compiled.first, encoding="utf-8")
    if compiled.second:
        written.append(output.with_suffix(f".after-approval{output.suffix}"))
        written[-1].write_text(compiled.second, encoding="utf-8")
    sizes = ", ".join(f"{path} ({size(path.stat().st_size)})" for path in written)
    say(f"{planned.recipe.name} · {len(planned)} tasks · store {store} · wrote {sizes}")
