"""`slmworks.run`: what `slmworks run` does, called from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmworks.contract.artifact import Artifact
from slmworks.contract.errors import BadRequest, did_you_mean

if TYPE_CHECKING:
    from slmworks.engines.local import Observer
    from slmworks.engines.local import Run as LocalRun
    from slmworks.execution.outcome import Outcome


@dataclass(frozen=True)
class Finished:
    """A run that is over."""

    run: "LocalRun"

    @property
    def id(self) -> str:
        """As `slmworks runs` lists it."""
        return self.run.id

    @property
    def state(self) -> str:
        """`done`, `refused` by a gate, or `failed`."""
        return {0: "done", 99: "refused"}.get(self.run.exit_code, "failed")

    @property
    def waiting(self) -> tuple[str, int] | None:
        """Name and version that wait for a person's approval."""
        return self.run.waiting

    @property
    def outcomes(self) -> "dict[str, Outcome]":
        """Task → how it ended: `state`, and `error` where it failed."""
        return dict(self.run.outcomes)

    @property
    def errors(self) -> dict[str, str]:
        """Task that failed → its line."""
        return {task: how.error for task, how in self.run.outcomes.items() if how.state == "failed"}

    def artifact(self, task: str) -> Artifact:
        """What a step's task made: a model, data, a report, with `path` and `meta`.

        `step`, or `step.variant` of a sweep. BadRequest where it made nothing.
        """
        if task not in self.run.outcomes:
            raise BadRequest(f"no task '{task}' in run {self.id}. {did_you_mean(task, self.run.outcomes)}")
        manifest = self.run.outcomes[task].manifest
        if manifest is None or not manifest.digest:
            raise BadRequest(f"{task} made nothing in run {self.id}: it is {self.run.outcomes[task].state}.")
        return Artifact.open(self.run.store.folder(manifest.digest), digest=manifest.digest)

    def __repr__(self) -> str:
        """`run 20261130-101500-3f2a: done, reviews v1 waits for approval`."""
        waits = "" if self.waiting is None else f", {self.waiting[0]} v{self.waiting[1]} waits for approval"
        return f"run {self.id}: {self.state}{waits}"


def run(
    recipe: str | Path,
    *,
    store: str | Path = ".slmworks",
    tracking: str | None = None,
    engine_file: str | Path | None = None,
    fresh: Sequence[str] = (),
    until: str = "",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    cores: int | None = None,
    observer: "Observer | None" = None,
) -> Finished:
    """Run a recipe on this machine, up to the approval; what was done before is not done again.

    recipe: its file.
    store: a folder, or an address (`s3://bucket/prefix`).
    tracking: MLflow's address; SQLite beside the store when left out, "" for none.
    engine_file: settings of this environment.
    fresh: steps to run again though they were done before.
    until: the step to end with; empty for the whole recipe.
    options: step → option → value for this run, as if it stood in the recipe: `{"student": {"epochs": 3}}`.
    cores: all of this process when left out.
    observer: who is told what happens (`slmworks.engines.local.Observer`); the command's display by default.

    A task that fails is in the result, as a gate's refusal is; a recipe that is wrong raises BadRequest.
    """
    from slmworks.cli.display import observer as screen
    from slmworks.engines.engine_file import EngineFile
    from slmworks.engines.local import Run as LocalRun
    from slmworks.machine.cores import usable_cores
    from slmworks.recipe.edited import edited
    from slmworks.recipe.lower import plan
    from slmworks.recipe.recipe import Recipe
    from slmworks.recipe.step_names import require_options_of, steps_named
    from slmworks.store import open_store

    planned = plan(Recipe.read(str(recipe)))
    for step in options or {}:
        require_options_of(planned.recipe, f"options: {step}", step)
    if options:
        planned = plan(edited(planned, options, "Changed in Python for this run:"))
    again = steps_named(planned.recipe, "fresh:", fresh)
    if until:
        planned = planned.until(steps_named(planned.recipe, "until:", [until]))
    opened = open_store(str(store))
    shown = observer or screen()
    running = LocalRun(
        planned,
        opened,
        cores or usable_cores(),
        shown,
        again,
        f"sqlite:///{opened.root / 'mlflow.db'}" if tracking is None else tracking,
        EngineFile.read(str(engine_file)) if engine_file else EngineFile(),
    )
    try:
        running.execute()
    finally:
        if close := getattr(shown, "close", None):
            close()
    running.wait_for_lineage(30)
    return Finished(running)
