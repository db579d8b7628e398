"""`slmworks plan`."""

from collections import Counter
from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.edits import set_option, with_changes
from slmworks.cli.places import Places, with_places

if TYPE_CHECKING:
    from slmworks.recipe.lower import PlannedTask


@click.command()
@click.argument("recipe")
@with_places()
@set_option
@click.option(
    "--cores", type=click.IntRange(min=1), help="Cores that a run may use; default: all of this machine's."
)
def plan(recipe: str, places: Places, changes: tuple[str, ...], cores: int | None) -> None:
    """Show the tasks of a recipe: which are cached, which would be run, and what each waits for."""
    from slmworks.cli.console import Columns
    from slmworks.engines.forecast import forecast
    from slmworks.engines.lines import clock, summary_words
    from slmworks.machine.cores import usable_cores
    from slmworks.recipe.lower import plan as lower
    from slmworks.recipe.recipe import Recipe

    planned = with_changes(lower(Recipe.read(recipe)), changes)
    rows = forecast(planned, places.store, cores=cores or usable_cores())
    table = Columns(("", "task", "plugin", "reads", "what is known"), wrap=("reads", "what is known"))
    for row in rows:
        task = row.task
        reads = _reads(task)
        guess = f"about {clock(row.seconds)}" if row.seconds is not None else "not run yet"
        words = f"cached · {summary_words(row.manifest)}" if row.manifest else guess
        if row.manifest and row.absent:
            words = f"left out: {row.manifest.absent}"
        if task.after_approval:
            words = "waits for a person: slmworks approve" if task.configured.barrier else "after approval"
        table.add("=" if row.cached else "·", task.id, f"{task.stage} {task.plugin}", reads, words)
    table.show()
    counts = [f"{sum(row.cached for row in rows)} cached"]
    if absent := sum(row.absent for row in rows):
        counts.append(f"{absent} left out")
    if seconds := sum(row.seconds or 0.0 for row in rows):
        counts.append(f"about {clock(seconds)} of work left")
    say(f"{len(rows)} tasks, {', '.join(counts)}.")


def _reads(task: "PlannedTask") -> str:
    """The inputs of a task; the branches of a sweep are counted, not listed."""
    if task.sources:
        return ", ".join(dict.fromkeys(source.label for source in task.sources.values()))
    from slmworks.contract.stage import WHEN, ports

    taken = ports(type(task.configured))
    made_from = {port: ids for port, ids in task.inputs.items() if port != WHEN}
    single = [ids[0] for port, ids in made_from.items() if not taken[port].many]
    single += [f"when {ids[0]}" for port, ids in task.inputs.items() if port == WHEN]
    joined = [one for port, ids in made_from.items() if taken[port].many for one in ids]
    steps = Counter(one.partition(".")[0] for one in joined)
    return ", ".join(
        [*single, *(f"{count} × {step}" if count > 1 else step for step, count in steps.items())]
    )
