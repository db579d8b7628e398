"""Display of a running recipe: a live table on a terminal, plain lines elsewhere."""

import sys
import time
from typing import TYPE_CHECKING, Any

from slmworks.cli.console import console, say
from slmworks.contract.plain_text import one_line
from slmworks.engines.lines import (
    MARKS,
    Lines,
    Rate,
    clock,
    ended_line,
    progress_words,
    result_words,
    started_line,
)
from slmworks.execution.outcome import Outcome
from slmworks.recipe.lower import PlannedTask

if TYPE_CHECKING:
    from rich.table import Table

    from slmworks.engines.local import Run

STYLES = {
    "done": "green",
    "cached": "dim",
    "failed": "bold red",
    "refused": "yellow",
    "running": "bold",
    "waiting": "dim",
}


def observer() -> "Plain":
    """The display that suits where the output goes."""
    return Live() if sys.stdout.isatty() else Plain()


class Plain:
    """One line when a task starts, emits an event or ends."""

    def __init__(self) -> None:
        self._lines: dict[str, Lines] = {}
        self._plan: dict[str, PlannedTask] = {}

    def began(self, run: "Run") -> None:
        """Print the plan's size and places."""
        self._plan = dict(run.plan.tasks)
        tracking = run.tracking.partition("://")[0].partition(":")[0] or "none"
        say(
            f"{run.plan.recipe.name} · {len(run.plan)} tasks · store {run.store} · "
            f"tracking {tracking} · run {run.id}"
        )
        if str(run.store) != str(run.store.root):
            say(f"here   {run.store.root}: logs, pages, copies{', MLflow' * (tracking == 'sqlite')}")

    def started(self, task_id: str) -> None:
        """A task starts."""
        say(started_line(task_id, self._plan[task_id].stage, self._plan[task_id].plugin))

    def event(self, task_id: str, event: dict[str, Any]) -> None:
        """Show an event of a running task."""
        self._lines.setdefault(task_id, Lines(task_id)).event(event)

    def ended(self, task_id: str, outcome: Outcome, seconds: float) -> None:
        """A task is over."""
        say(ended_line(task_id, outcome, seconds))

    def close(self) -> None:
        """Let go of the terminal."""


class Live(Plain):
    """A table that is redrawn a few times a second."""

    def __init__(self) -> None:
        from rich.live import Live as Screen

        super().__init__()
        self._console = console()
        self._screen = Screen(console=self._console, refresh_per_second=5, get_renderable=self._table)
        self._states: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._curves: dict[str, str] = {}
        self._rates: dict[str, Rate] = {}
        self._begun: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def began(self, run: "Run") -> None:
        """Draw the whole plan, waiting."""
        super().began(run)
        self._states = dict.fromkeys(run.plan.tasks, "waiting")
        self._screen.start()

    def started(self, task_id: str) -> None:
        """A task starts."""
        self._states[task_id] = "running"
        self._begun[task_id] = time.monotonic()

    def event(self, task_id: str, event: dict[str, Any]) -> None:
        """Keep the latest event of each kind."""
        if event["event"] == "metrics":
            self._curves[task_id] = " ".join(
                f"{name} {value:.3g}" for name, value in event["metrics"].items()
            )
        elif event["event"] == "progress":
            self._words[task_id] = progress_words(event, self._rates.setdefault(task_id, Rate())) + _bar(
                event
            )
        elif event["event"] == "line":
            self._words[task_id] = str(event["line"])
        else:
            self._words[task_id] = f"waits: {event['note']}"

    def ended(self, task_id: str, outcome: Outcome, seconds: float) -> None:
        """A task is over."""
        self._states[task_id] = outcome.state
        self._words[task_id] = result_words(outcome)
        self._curves.pop(task_id, None)
        if outcome.state not in ("skipped", "absent"):
            self._took[task_id] = seconds

    def close(self) -> None:
        """Stop drawing."""
        self._screen.stop()

    def _table(self) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))
        for column in ("mark", "task", "plugin"):
            table.add_column(column, no_wrap=True)
        table.add_column("words", ratio=1, overflow="ellipsis", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        for task_id, state in self._states.items():
            task = self._plan[task_id]
            words = " ".join(
                filter(None, (self._words.get(task_id), self._curves.get(task_id)))
            ) or self._idle(task)
            table.add_row(
                *(
                    Text(one_line(cell), style=STYLES.get(state, ""))
                    for cell in (
                        MARKS[state],
                        task_id,
                        f"{task.stage} {task.plugin}",
                        words,
                        self._time(task_id),
                    )
                )
            )
        return table

    def _idle(self, task: PlannedTask) -> str:
        if self._states[task.id] != "waiting":
            return ""
        open_needs = [need for need in task.needs if self._states[need] in ("waiting", "running")]
        return f"waits for {', '.join(open_needs)}" if open_needs else "waits for a free core"

    def _time(self, task_id: str) -> str:
        if task_id in self._took:
            return clock(self._took[task_id]) if self._states[task_id] != "cached" else "cached"
        return clock(time.monotonic() - self._begun[task_id]) if task_id in self._begun else ""


def _bar(event: dict[str, Any], width: int = 12) -> str:
    if not event["total"]:
        return ""
    full = min(width, int(width * event["done"] / event["total"]))
    return " " + "━" * full + "╌" * (width - full)
