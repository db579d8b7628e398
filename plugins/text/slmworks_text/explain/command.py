"""`slmworks curate RECIPE --explain ROW`.

Imported to list commands too, so what takes time to import is imported inside.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from slmworks.recipe.plan import Plan, PlannedTask


@click.command(short_help="Explain what a recipe's curation does to one row.")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--explain",
    "row",
    required=True,
    metavar="ROW",
    help="INPUT:NUMBER (its rows count from 1), INPUT/FILE:LINE, or text that the row holds. "
    "Of documents: INPUT/FILE#CHUNK, a chunk's id, INPUT/FILE, or text that a chunk holds.",
)
@click.option("--step", default="", metavar="NAME", help="The curate step, where the recipe has several.")
@with_places()
def curate(recipe: Path, row: str, step: str, places: Places) -> int:
    """Say what happens to one row, from its file to its split.

    Each step in order, with what it changed or the number by which it dropped the row; of which row it is a
    duplicate; its overlap with evaluation sets; its split. It is led through the steps alone, then watched
    in the whole curation, of which nothing is kept. Of a document, what became of all its chunks.
    """
    import tempfile

    from slmworks.contract.artifact import Artifact, Files, Model
    from slmworks.contract.stage import Task
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks_text.explain.explained import explained
    from slmworks_text.start.of_recipe import run_tasks

    planned = plan(Recipe.read(recipe))
    task = _chosen(planned, step, recipe)
    code, made = run_tasks(planned, list(task.made_from), places, quiet=True)
    if code:
        return code
    given = {
        port: Artifact.open(places.store.folder(made[source].digest), digest=made[source].digest)
        for port, (source, *_) in task.inputs.items()
        if source in made
    }
    data = given.pop("data", None)
    assert isinstance(data, Files)
    models = {port: one for port, one in given.items() if isinstance(one, Model)}
    with tempfile.TemporaryDirectory(prefix="slmworks-") as folder:
        for part in ("output", "scratch"):
            (Path(folder) / part).mkdir()
        bench = Task(output=Path(folder) / "output", scratch=Path(folder) / "scratch", seed=task.seed)
        for name, line in explained(task.configured, row, data, models, bench):
            say(f"{name:<16}{line}".rstrip())
    return 0


def _chosen(planned: "Plan", step: str, recipe: Path) -> "PlannedTask":
    """The curate step that is meant; BadRequest for none, and for one of several."""
    from slmworks.contract.errors import BadRequest, did_you_mean
    from slmworks_text.start.curated import STAGE

    found = {task.id: task for task in planned if task.stage == STAGE}
    if not found:
        raise BadRequest(f"{recipe}: no step curates data.")
    if step and step not in found:
        raise BadRequest(f"--step {step}: no curate step of that name. {did_you_mean(step, found)}")
    if not step and len(found) > 1:
        raise BadRequest(f"{recipe}: several steps curate data; choose one with --step: {', '.join(found)}.")
    return found[step] if step else next(iter(found.values()))
