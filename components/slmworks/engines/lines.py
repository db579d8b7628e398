"""Plain lines of a task's events, for pods, CI and log files, where there is no terminal."""

import time
from collections.abc import Callable
from typing import Any

import click

from slmworks.contract.manifest import Manifest
from slmworks.contract.plain_text import one_line
from slmworks.execution.outcome import Outcome
from slmworks.numbers import figures

EVERY = 10.0
"""Seconds between two progress lines of one task."""

MARKS = {
    "done": "✓",
    "cached": "=",
    "failed": "✗",
    "refused": "⊘",
    "skipped": "·",
    "absent": "·",
    "running": "▸",
    "waiting": "·",
}


def describe(event: dict[str, Any], rate: "Rate") -> str:
    """One event as text: `epoch 2/3 1,200/6,378 rows 62 rows/s eta 1:24`."""
    if event["event"] == "line":
        return str(event["line"])
    if event["event"] == "waiting":
        return f"waits: {event['note']}"
    return progress_words(event, rate)


def progress_words(event: dict[str, Any], rate: "Rate") -> str:
    """Progress with rate and time left."""
    done, total, unit = event["done"], event["total"], event["unit"]
    words = [event["note"]] if event["note"] else []
    words.append(f"{done:,.0f}/{total:,.0f} {unit}" if total else f"{done:,.0f} {unit}")
    speed, left = rate.of(done, total)
    if speed:
        words.append(f"{speed:,.0f} {unit}/s" if speed >= 10 else f"{speed:.1f} {unit}/s")
    if left is not None:
        words.append(f"eta {clock(left)}")
    return " ".join(words)


def clock(seconds: float) -> str:
    """Seconds as `0.4 s`, `12 s`, `1:24` or `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Rate:
    """Speed of one task's progress, from when its counter last began."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None
        self._last = 0.0

    def of(self, done: float, total: float | None) -> tuple[float, float | None]:
        """(units per second, seconds left or None)."""
        now = time.monotonic()
        if self._began is None or done < self._last:
            self._began = (now, done)
        self._last = done
        elapsed, moved = now - self._began[0], done - self._began[1]
        if elapsed < 0.5 or moved <= 0:
            return 0.0, None
        speed = moved / elapsed
        return speed, (total - done) / speed if total else None


class Lines:
    """Prints the events of one task as lines: progress every ten seconds, the others at once."""

    def __init__(self, name: str, write: Callable[[str], None] = click.echo) -> None:
        """`name` stands before every line."""
        self.name = name
        self.write = write
        self.rate = Rate()
        self._curves: dict[str, float] = {}
        self._next = 0.0

    def event(self, event: dict[str, Any]) -> None:
        """Print an event, unless it is progress and the last one was printed a moment ago."""
        if event["event"] == "metrics":
            self._curves.update(event["metrics"])
            return
        words = describe(event, self.rate)
        if event["event"] == "progress":
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + EVERY
            words = " ".join([words, *(f"{name} {value:.4g}" for name, value in self._curves.items())])
        self.write(one_line(f"{self.name}: {words}"))


def started_line(task_id: str, stage: str, plugin: str) -> str:
    """The line for a task that starts."""
    return one_line(f"{task_id}: starts ({stage} {plugin})")


def ended_line(task_id: str, outcome: Outcome, seconds: float) -> str:
    """The line for a task that is over."""
    words = one_line(result_words(outcome))
    took = f"  {clock(seconds)}" if outcome.state in ("done", "failed", "refused") and seconds else ""
    return f"{MARKS[outcome.state]} {one_line(task_id)}: {outcome.state}{': ' + words if words else ''}{took}"


def result_words(outcome: Outcome) -> str:
    """The result of a task in short."""
    if outcome.manifest is None or outcome.manifest.absent:
        return outcome.error
    return summary_words(outcome.manifest)


def summary_words(manifest: Manifest) -> str:
    """A manifest's summary numbers in short: `accuracy 0.81 · rows 22,918 · 86.7 MB`."""
    numbers = {key: value for key, value in manifest.summary.items() if isinstance(value, (int, float, str))}
    words = [str(numbers.pop("sentence"))] if "sentence" in numbers else []
    words += [
        f"{key.replace('_', ' ')} {_number(value)}"
        for key, value in list(numbers.items())[:5]
        if key != "bytes"
    ]
    words.append(figures.size(manifest.size))
    return " · ".join(words)


def _number(value: Any) -> str:
    if isinstance(value, (bool, str)):
        return str(value)
    return (
        f"{value:,}" if isinstance(value, int) else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    )
