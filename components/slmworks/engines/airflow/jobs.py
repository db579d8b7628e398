"""Jobs of operators, as processes or pods: the command line of each in one run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from slmworks.engines.airflow.form import RUN
from slmworks.engines.airflow.line import ORCHESTRATOR, Line, run_name

if TYPE_CHECKING:
    from airflow.sdk import Context

SEEN = "seen"
"""XCom key of the task that checks for new data: path of the record of the run that saw the same data."""


@dataclass(frozen=True)
class Command:
    """A command line: `slmworks <words> <option> <argument>`."""

    words: list[str]
    option: str
    argument: str
    """Long; a process reads it from standard input."""
    python: Path
    """A process's interpreter."""
    environment: Mapping[str, str]
    wrote: str
    """Path in the store of the record that it writes."""
    alone: tuple[str, ...] = ()
    """Further words for a pod, where nothing else runs."""


class Job(Protocol):
    """A job of an operator."""

    def command(self, context: "Context") -> Command:
        """The command line of the job in one run."""


@dataclass(frozen=True)
class Approval:
    """The approved model."""

    model: str
    """The registered name."""
    register: str
    """The task that registers it."""


@dataclass(frozen=True)
class TaskJob:
    """One task of a recipe."""

    line: Line
    task: str
    about: Approval | None = None
    """For a task behind an approval."""

    def command(self, context: "Context") -> Command:
        """`slmworks task …`."""
        line, run = self.line.for_run(context["params"]), run_of(context)
        first = first_run(line, self.about, context) if self.about else ""
        words, spec = line.words(self.task, run, first, user=user_of(context))
        task = line.plan.tasks[self.task]
        wrote = f"runs/{run}/{self.task}.json"
        return Command(words, "--spec", spec, line.python(task), line.environment(task), wrote, ("--alone",))


@dataclass(frozen=True)
class CloseJob:
    """The end of a run's record: MLflow and the reviewer's packet brought up to date."""

    line: Line
    second: bool = False
    """True if it ends the run behind an approval."""
    again: bool = False
    """True if the run was ended before: only its decided candidate is updated."""
    news: str = ""
    """The task that checks for new data."""

    def command(self, context: "Context") -> Command:
        """`slmworks close …`."""
        line, run = self.line, run_of(context)
        if self.again:  # the recipe may have been edited since the run was ended
            argument = line.reopening(run)
        else:
            line = line.for_run(context["params"])
            news = self._unreached(context)
            argument = line.closing(run, user=user_of(context), unreached=news, second=self.second)
        words = ["close", *ORCHESTRATOR]
        return Command(
            words, "--what", argument, line.python(None), line.environment(None), f"runs/{run}/run.json"
        )

    def _unreached(self, context: "Context") -> str:
        seen = context["ti"].xcom_pull(task_ids=self.news, key=SEEN) if self.news else None
        return nothing_new(seen.split("/")[1]) if seen else ""


def run_of(context: "Context") -> str:
    """The run's name in the store."""
    return run_name(context["dag"].dag_id, str(context["run_id"]))


def user_of(context: "Context") -> str:
    """Who triggered the run; empty where a schedule did."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or "")


def first_run(line: Line, about: Approval, context: "Context") -> str:
    """The run whose release follows: the form's, else one that came to today's champion (an event's)."""
    from slmworks.engines.airflow import review

    store, named = line.store(), context["params"].get(RUN)
    if named:
        review.require_run_of(store, str(named), about.register, about.model)
        return str(named)
    assets = context.get("triggering_asset_events") or {}
    events = [event for found in assets.values() for event in found if (event.extra or {}).get(RUN)]
    newest = sorted(events, key=lambda event: event.timestamp, reverse=True)
    runs = [str(event.extra[RUN]) for event in newest]
    return review.run_of_champion(store, about.model, about.register, runs)


def nothing_new(run: str) -> str:
    """The sentence for data that was seen before."""
    return f"nothing in the data is new since {run}: nothing is trained"
