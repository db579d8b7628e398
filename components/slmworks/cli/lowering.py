"""From a recipe's file to a plan and to Kubeflow's YAML, for `run`, `compile` and `submit`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from slmworks.cli.console import say
from slmworks.cli.edits import with_changes
from slmworks.numbers.figures import size

if TYPE_CHECKING:
    from slmworks.engines.engine_file import EngineFile
    from slmworks.engines.kubeflow.pipeline import Compiled
    from slmworks.recipe.plan import Plan
    from slmworks.store import Store

LARGE = 1_000_000
"""Characters of YAML above which a person is warned."""


def planned_for(
    recipe: str, fresh: Sequence[str], changes: Sequence[str] = ()
) -> tuple["Plan", frozenset[str]]:
    """The recipe's plan with options changed by `--set`, and the steps that `--fresh` means.

    BadRequest for a step that isn't there.
    """
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks.recipe.step_names import steps_named

    planned = with_changes(plan(Recipe.read(recipe)), changes)
    return planned, steps_named(planned.recipe, "--fresh", fresh)


def say_if_large(compiled: "Compiled") -> None:
    """Warn about a pipeline near the size that Kubeflow can keep; the limit is the cluster's."""
    if len(compiled.first) > LARGE:
        say(
            f"note   {size(len(compiled.first))} of YAML: Kubeflow keeps a pipeline and the states "
            "of its tasks in one object of 1.5 MB at most; fewer branches, or several recipes, are safer.",
            err=True,
        )


def lower(
    planned: "Plan",
    settings: "EngineFile",
    store: "Store",
    fresh: frozenset[str],
    *,
    upload: bool = True,
    without: str = "",
) -> "Compiled":
    """The plan as Kubeflow takes it, and its local files in the store.

    Without `upload` they stay where they are: the pipeline is the same, and can't run before they are there.
    `without`: how a person says so, for the error where the store can't be written.
    """
    from slmworks.contract.errors import SlmworksError
    from slmworks.engines.kubeflow.pipeline import compile_plan
    from slmworks.engines.lines import Lines
    from slmworks.engines.local_files import bring, reads_disk
    from slmworks.engines.task_pods import needless_devices, unchecked_workers

    sources = planned.pinned(None)
    compiled = compile_plan(planned, settings, store.url, sources, fresh)
    for line in (*needless_devices(settings, planned), *unchecked_workers(settings, planned)):
        say(f"note   {line}", err=True)
    if not upload:
        if left := [task for task, own in sources.items() if reads_disk(own)]:
            say(f"note   local files of {', '.join(left)} are not in the store; no run finds them", err=True)
        return compiled
    try:
        bring(planned, sources, store, Lines("store", lambda line: say(line, err=True)).event)
    except SlmworksError as error:
        if without:
            error.args = (f"{error} Local files go there; {without} leaves them out.",)
        raise
    return compiled
