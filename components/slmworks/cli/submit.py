"""`slmworks submit`."""

from typing import TYPE_CHECKING

import click

from slmworks.cli.console import say
from slmworks.cli.edits import set_option
from slmworks.cli.lowering import lower, planned_for, say_if_large
from slmworks.cli.places import Places, with_places
from slmworks.contract.errors import BadRequest
from slmworks.contract.plain_text import one_line

if TYPE_CHECKING:
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import Compiled
    from slmworks.store import Store


@click.command()
@click.argument("recipe", required=False)
@with_places(kubeflow=True)
@click.option(
    "--experiment", default="", help="The experiment that it is listed under; default: the engine file's."
)
@click.option("--fresh", multiple=True, metavar="STEP", help="Run this step again though it was done before.")
@set_option
@click.option(
    "--schedule", metavar="CRON", help="Run it again and again: '0 3 * * 1', with or without seconds."
)
@click.option("--wait", is_flag=True, help="Wait for its end, and show the states of its tasks meanwhile.")
@click.option(
    "--after", metavar="RUN", help="Instead of a recipe: submit what follows the approval of that run."
)
def submit(
    recipe: str | None,
    places: Places,
    experiment: str,
    fresh: tuple[str, ...],
    changes: tuple[str, ...],
    schedule: str | None,
    wait: bool,  # noqa: FBT001 - a flag of the command line
    after: str | None,
) -> int:
    """Run RECIPE on Kubeflow Pipelines. Local files that it reads go into the store first.

    The token comes from KUBEFLOW_TOKEN, or inside a cluster from the pod's account. With --wait the exit code
    is that of `slmworks run`: 0 done, 1 a step failed, 99 refused by a gate.
    """
    if (recipe is None) == (after is None):
        raise BadRequest("slmworks submit needs a RECIPE, or --after RUN.")
    if schedule is not None and (wait or after):
        raise BadRequest("--schedule starts runs of its own later; leave out --wait and --after.")
    if after and (fresh or changes):
        raise BadRequest("--fresh and --set are of a recipe's steps; leave them out with --after.")
    cron = six_fields(schedule) if schedule is not None else ""
    from slmworks.engines.kubeflow.client import Pipelines
    from slmworks.engines.kubeflow.pipeline import require_kfp

    require_kfp()
    store = places.shared_store()
    planned, again = planned_for(recipe, fresh, changes) if recipe is not None else (None, frozenset())
    pipelines = Pipelines.connect(places.engine.settings.kubeflow, places.host)
    if planned is None:
        run = submit_after(store, str(after), pipelines, experiment)
        return follow(store, pipelines, run, places) if wait else 0
    compiled = lower(planned, places.engine, store, again)
    say_if_large(compiled)
    name = planned.recipe.name
    if cron:
        made = pipelines.schedule(name, compiled.first, cron, experiment)
        say(f"{name} · schedule {made} · {cron} (seconds first) · local files as they are now")
        say(f"ends   slmworks cancel {made}{places.again()}")
        return 0
    run = _start(store, pipelines, compiled, name, experiment)
    return follow(store, pipelines, run, places) if wait else 0


def _start(store: "Store", pipelines: "Pipelines", compiled: "Compiled", name: str, experiment: str) -> str:
    from slmworks.engines.kubeflow.runs import note

    run = pipelines.submit(name, compiled.first, {}, experiment)
    note(store, run, dict(compiled.record), compiled.second)
    say(f"{name} · run {run} · store {store}")
    say(f"page   {pipelines.page(run)}")
    return run


def submit_after(store: "Store", first: str, pipelines: "Pipelines", experiment: str = "") -> str:
    """Submit the steps behind the approval of a run's release; returns the new run."""
    from slmworks.engines.kubeflow.runs import following, following_record, note
    from slmworks.execution.records import run_record
    from slmworks.execution.run_names import full_name

    first = full_name(store, first)
    known = run_record(store, first)
    text = following(store, first)
    if known is None or not text:
        raise BadRequest(f"run {first}: nothing is known in {store} that follows its approval.")
    run = pipelines.submit(f"{known.recipe} after approval", text, {"first_run": first}, experiment)
    note(store, run, following_record(known))
    say(f"{known.recipe} · after the approval of run {first} · run {run}")
    say(f"page   {pipelines.page(run)}")
    return run


def follow(store: "Store", pipelines: "Pipelines", run: str, places: Places) -> int:
    """Wait for a run's end and print the states of its tasks; returns the exit code."""
    from slmworks.cli.verdict import show_verdicts, show_waiting
    from slmworks.cli.watch import watch
    from slmworks.engines.kubeflow.runs import end
    from slmworks.execution.records import run_record, task_records

    try:
        state = watch(store, pipelines, run)
    except KeyboardInterrupt:
        say(f"\nstill running; stop it:  slmworks cancel {run}{places.again()}", err=True)
        return 130
    known = run_record(store, run)
    if known is not None and known.ended is None:  # its last task could not say so
        end(store, known, state.state)
        known = run_record(store, run)
    show_verdicts(store, run, {task.task: task.manifest for task in task_records(store, run)})
    show_waiting(known.waiting if known else None, places.again())
    if state.state == "SUCCEEDED":
        return 99 if known and known.state == "refused" else 0
    words = {"FAILED": "failed", "CANCELED": "was cancelled"}.get(state.state, state.state.lower())
    why = f": {one_line(state.error)}" if state.error else ""
    say(f"slmworks: run {run} {words}{why}; see {pipelines.page(run)}", err=True)
    return 1


def six_fields(cron: str) -> str:
    """A cron line as Kubeflow reads it, seconds first; BadRequest for one that isn't."""
    fields = cron.split()
    if len(fields) == 5:
        return " ".join(["0", *fields])
    if len(fields) == 6 or (len(fields) == 1 and cron.startswith("@")):
        return " ".join(fields)
    raise BadRequest(
        f"--schedule '{cron}': a cron line has five fields (minute hour day month weekday), or six with the "
        "seconds first."
    )
