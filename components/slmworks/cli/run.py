"""`slmworks run`."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.edits import set_option
from slmworks.cli.lowering import planned_for
from slmworks.cli.places import Places, with_places
from slmworks.contract.plain_text import one_line

if TYPE_CHECKING:
    from slmworks.engines.local import Run
    from slmworks.recipe.plan import Plan


@click.command()
@click.argument("recipe")
@with_places(tracking=True)
@click.option(
    "--fresh",
    multiple=True,
    metavar="STEP",
    help="Run this step again though it was done before; repeat for more.",
)
@click.option("--until", metavar="STEP", help="End with this step: only it and what it needs are run.")
@set_option
@click.option("--cores", type=click.IntRange(min=1), help="Cores to use; default: all of this machine's.")
def run(
    recipe: str,
    places: Places,
    fresh: tuple[str, ...],
    until: str | None,
    changes: tuple[str, ...],
    cores: int | None,
) -> int:
    """Run a recipe on this machine, up to the approval.

    What was done before is not done again. Running it again after Ctrl-C, a crash or an edit goes on
    from what is still valid. Exit codes: 0 done, 1 a step failed, 2 bad request, 99 refused by a gate.
    """
    from slmworks.cli.display import observer
    from slmworks.engines.local import Run
    from slmworks.machine.cores import usable_cores

    planned, again = planned_for(recipe, fresh, changes)
    if until is not None:
        planned = ended_with(planned, until)
    screen = observer()
    running = Run(
        planned,
        places.store,
        cores or usable_cores(),
        screen,
        again,
        places.tracking_uri,
        places.engine,
    )
    try:
        code = running.execute()
    finally:
        screen.close()
    _summary(running, places)
    if until is not None and code == 0:
        say(f"ended with {until}, as asked. All of it:  slmworks run {recipe}{places.again()}")
    return code


def ended_with(planned: "Plan", step: str) -> "Plan":
    """The plan up to a step; BadRequest for one that isn't there."""
    from slmworks.recipe.step_names import steps_named

    return planned.until(steps_named(planned.recipe, "--until", [step]))


def _summary(running: "Run", places: Places) -> None:
    """Print verdicts, errors and the next command."""
    from slmworks.cli.verdict import show_verdicts, show_waiting

    made = {task_id: outcome.manifest for task_id, outcome in running.outcomes.items()}
    show_verdicts(running.store, running.id, made)
    for task_id, outcome in running.outcomes.items():
        if outcome.state != "failed":
            continue
        place = running.plan.recipe.at("steps", running.plan.tasks[task_id].step)
        say(f"slmworks: {place}: {one_line(outcome.error)}", err=True)
        if outcome.code == 1:
            say(f"log    {running.store.root / 'runs' / running.id / f'{task_id}.log'}", err=True)
    show_waiting(running.waiting, places.again())
    if not running.worked:
        say("cached nothing had to be made again")
    elif problem := running.wait_for_lineage(30):
        say(f"lineage {problem}")
